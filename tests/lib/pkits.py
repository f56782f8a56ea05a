#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NIST's PKITS (Public Key Interoperability Test Suite) through certgate cert verify.

usage: pkits.py CERTGATE DATA WORK     runs all cases, prints KTAP
       pkits.py --cases DATA           prints the table of cases

DATA is the PKITS_data folder of Debian's python3-cryptography-vectors: a signed
message for each test, which holds its certificates and revocation lists, and the
trust anchor. The verdicts below are read from NIST's description of the tests;
those that a message's name tells as well (Valid..., Invalid...) must agree with it.
Every certificate's revocation state must be known, as the suite wants it.
"""

import base64
import email
import glob
import json
import os
import re
import subprocess
import sys

# Section, the names of its tests, and the verdict of test 1, 2, 3 ... under the default settings:
# V valid, I invalid, - told in SETTINGS alone.
SECTIONS = [
    ("4.1", r"Signatures|CASignature|EESignature|DSA\w+", "VIIVVI"),
    ("4.2", r"(CA|EE)not\w+|pre2000UTC\w+|GeneralizedTimenot\w+", "IIVVIIIV"),
    ("4.3", r"NameChaining\w*|RFC3280\w+|UTF8String\w+|RolloverfromPrintable\w+", "IIVVVVVVVVV"),
    (
        "4.4",
        r"MissingCRL|Revoked\w+|BadCRL\w+|WrongCRL|TwoCRLs|UnknownCRL\w+|\w*CRLnextUpdate|\w+SerialNumber"
        r"|SeparateCertificateandCRLKeys",
        "IIIIIIVIIIIIVVIVVIVII",
    ),
    ("4.5", r"BasicSelfIssued\w+", "VIVVIVII"),
    ("4.6", r"MissingbasicConstraints|cAFalse|basicConstraints\w+|(SelfIssued)?pathLenConstraint", "IIIVIIVVIIIIVVVIV"),
    ("4.7", r"keyUsage\w+", "IIVII"),
    ("4.8", r"AllCertificates\w+|\w+Policies|AnyPolicy|UserNoticeQualifier|CPSPointerQualifier", "-V-IIVIIIVVI--VVV-VV"),
    ("4.9", r"(SelfIssued)?[Rr]equireExplicitPolicy", "VVIVIVII"),
    ("4.10", r"PolicyMapping|Mapping(From|To)anyPolicy", "-I-I--IIVIV-VV"),
    ("4.11", r"(SelfIssued)?inhibitPolicyMapping", "IVIVIIVIIII"),
    ("4.12", r"(SelfIssued)?inhibitAnyPolicy", "IVVIIIVIVI"),
    ("4.13", r"(SelfIssued)?(DN|RFC822|DNandRFC822|DNS|URI)nameConstraints", "VIIVVVIIIIVIIVIIIVVIVIVIVIVIIVIVIVIVII"),
    ("4.14", r"\w*[dD]istributionPoint|only\w+|IDPwithindirectCRL|cRLIssuer", "VIIVVIVIIVIIVIIIIVVIIVIVVIIVVVIIVII"),
    ("4.15", r"deltaCRL\w*", "IVIIVIVVII"),
    ("4.16", r"Unknown(Not)?CriticalCertificateExtension", "VI"),
]
# NIST's test policies.
POLICY = "2.16.840.1.101.3.2.1.48."
EXPLICIT, NO_MAPPING, NO_ANY = "--explicit-policy", "--inhibit-mapping", "--inhibit-any"
# Further runs under other settings: test, settings (numbers are policies), verdict.
SETTINGS = [
    ("4.8.1", (EXPLICIT,), "V"),
    ("4.8.1", (EXPLICIT, 1), "V"),
    ("4.8.1", (EXPLICIT, 2), "I"),
    ("4.8.1", (EXPLICIT, 1, 2), "V"),
    ("4.8.2", (EXPLICIT,), "I"),
    ("4.8.3", (), "V"),
    ("4.8.3", (EXPLICIT,), "I"),
    ("4.8.3", (EXPLICIT, 1, 2), "I"),
    ("4.8.6", (1,), "V"),
    ("4.8.6", (2,), "I"),
    ("4.8.10", (1,), "V"),
    ("4.8.10", (2,), "V"),
    ("4.8.11", (1,), "V"),
    ("4.8.13", (1,), "V"),
    ("4.8.13", (2,), "V"),
    ("4.8.13", (3,), "V"),
    ("4.8.14", (1,), "V"),
    ("4.8.14", (2,), "I"),
    ("4.8.18", (1,), "V"),
    ("4.8.18", (2,), "V"),
    ("4.10.1", (1,), "V"),
    ("4.10.1", (2,), "I"),
    ("4.10.1", (1, NO_MAPPING), "I"),
    ("4.10.2", (NO_MAPPING,), "I"),
    ("4.10.3", (1,), "I"),
    ("4.10.3", (2,), "V"),
    ("4.10.5", (1,), "V"),
    ("4.10.5", (6,), "I"),
    ("4.10.6", (1,), "V"),
    ("4.10.6", (6,), "I"),
    ("4.10.12", (1,), "V"),
    ("4.10.12", (2,), "V"),
    ("4.12.3", (NO_ANY,), "I"),
]
# What certgate decides otherwise on purpose, with the reason. At most 15.
EXCLUDED = {
    "4.1.4": "DSA is not among the accepted kinds of key",
    "4.1.5": "DSA is not among the accepted kinds of key",
    "4.6.4": "RFC 5280 section 4.2.1.9 requires a CA's basicConstraints to be critical, and so do we",
    "4.6.8": "a CA certificate is no gateway's: it cannot authenticate a peer",
    "4.6.14": "a CA certificate is no gateway's: it cannot authenticate a peer",
    "4.8.6": "a CA certificate is no gateway's: it cannot authenticate a peer",
    "4.14.13": "a CA certificate is no gateway's: it cannot authenticate a peer",
    "4.14.30": "the issuer of a revocation list is not believed that its own certificate is not revoked",
}
EXCLUDED_MAX = 15


def element(buf, at):
    """Tag, begin and end of the content of the DER element at that place."""
    tag, length, at = buf[at], buf[at + 1], at + 2
    if length == 0x80:
        raise ValueError("indefinite length")
    if length > 0x80:
        n = length & 0x7F
        length, at = int.from_bytes(buf[at : at + n], "big"), at + n
    return tag, at, at + length


def children(buf, begin, end):
    """Tag, begin of the element, begin and end of its content, of all in that range."""
    while begin < end:
        tag, inner, after = element(buf, begin)
        yield tag, begin, inner, after
        begin = after


def message(path):
    """The signer's certificate, the other certificates and the revocation lists of a signed message."""
    with open(path, "rb") as f:
        parts = [p for p in email.message_from_binary_file(f).walk() if "pkcs7" in p.get_content_type()]
    cms = parts[-1].get_payload(decode=True)
    _, at, end = element(cms, 0)
    _, _, at, end = list(children(cms, at, end))[1]
    _, at, end = element(cms, at)
    fields = list(children(cms, at, end))
    certs, crls = [], []
    for tag, _, inner, after in fields:
        for _, begin, _, stop in children(cms, inner, after) if tag in (0xA0, 0xA1) else ():
            (certs if tag == 0xA0 else crls).append(cms[begin:stop])
    # signerInfos: SET of SEQUENCE { version, SEQUENCE { issuer, serial } ... }
    _, _, at, end = fields[-1]
    _, at, end = element(cms, at)
    _, _, at, end = list(children(cms, at, end))[1]
    issuer, serial = [cms[begin:stop] for _, begin, _, stop in children(cms, at, end)]
    leaves = []
    for cert in certs:
        _, at, end = element(cert, 0)
        _, at, end = element(cert, at)
        tbs = [(tag, cert[begin:stop]) for tag, begin, _, stop in children(cert, at, end)]
        tbs = [value for tag, value in tbs if tag != 0xA0]
        if tbs[0] == serial and tbs[2] == issuer:
            leaves.append(cert)
    if len(leaves) != 1:
        raise ValueError("%s: %d certificates of the signer" % (path, len(leaves)))
    return leaves[0], [c for c in certs if c != leaves[0]], crls


def find_cases(data):
    """[(test, message, settings, verdict)], every message of the suite used."""
    names = {os.path.basename(p)[len("Signed") : -len(".eml")] for p in glob.glob(data + "/smime/Signed*.eml")}
    files, verdicts, cases = {}, {}, []
    for section, pattern, row in SECTIONS:
        for number, verdict in enumerate(row, 1):
            wanted = re.compile(r"(Valid|Invalid)?(%s)Test%d" % (pattern, number))
            found = [n for n in names if wanted.fullmatch(n)]
            if len(found) != 1:
                sys.exit("%s.%d: %s" % (section, number, found or "no message"))
            names.discard(found[0])
            test = "%s.%d" % (section, number)
            files[test], verdicts[test] = found[0], verdict
            told = re.match("Valid|Invalid", found[0])
            if told and verdict != "-" and told.group()[0] != verdict:
                sys.exit("%s: %s, but the table says %s" % (test, found[0], verdict))
            if verdict != "-":
                cases.append((test, found[0], (), verdict))
            cases += [(test, found[0], settings, v) for t, settings, v in SETTINGS if t == test]
    if names or any(t not in files for t, _, _ in SETTINGS):
        sys.exit("messages without a test: %s" % names)
    return cases


def describe(case):
    test, name, settings, verdict = case
    words = [POLICY + str(s) if isinstance(s, int) else s[2:] for s in settings]
    return "%s %s%s is %s" % (test, name, " with " + " ".join(words) if words else "", "valid" if verdict == "V" else "invalid")


def armour(what, ders):
    return "".join("-----BEGIN %s-----\n%s-----END %s-----\n" % (what, base64.encodebytes(d).decode(), what) for d in ders)


def run(certgate, data, work, case):
    """None if the verdict is the expected one, else what certgate said."""
    _, name, settings, verdict = case
    leaf, others, crls = message("%s/smime/Signed%s.eml" % (data, name))
    argv = [certgate, "cert", "verify", "--chain", data + "/certs/TrustAnchorRootCertificate.crt", "--revocation", "required", "--json"]
    for option, label, ders in ("--untrusted", "CERTIFICATE", others), ("--crl", "X509 CRL", crls):
        if ders:
            path = work + "/" + option[2:]
            with open(path, "w") as f:
                f.write(armour(label, ders))
            argv += [option, path]
    for s in settings:
        argv += ["--policy", POLICY + str(s)] if isinstance(s, int) else [s]
    with open(work + "/leaf", "wb") as f:
        f.write(leaf)
    done = subprocess.run(argv + [work + "/leaf"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        said = {}
    # Something that could not be read, or done, is no verdict.
    if verdict == "V":
        good = done.returncode == 0 and said.get("valid") is True
    else:
        good = done.returncode == 1 and said.get("valid") is False and said.get("reason", "internal") not in ("malformed", "internal")
    return None if good else "exit status %d\n%s%s" % (done.returncode, done.stdout, done.stderr)


def main(argv):
    if len(argv) == 3 and argv[1] == "--cases":
        for case in find_cases(argv[2]):
            print(describe(case), "# " + EXCLUDED[case[0]] if case[0] in EXCLUDED else "")
        return 0
    certgate, data, work = argv[1:]
    cases = find_cases(data)
    excluded = [c for c in cases if c[0] in EXCLUDED]
    cases = [c for c in cases if c[0] not in EXCLUDED]
    print("KTAP version 1\n1..%d" % (len(cases) + 1))
    failed = 0
    for i, case in enumerate(cases, 1):
        wrong = run(certgate, data, work, case)
        if wrong:
            failed += 1
            print("".join("# %s\n" % line for line in wrong.splitlines()), end="")
        print("%s %d %s" % ("not ok" if wrong else "ok", i, describe(case)), flush=True)
    for case in excluded:
        print("# excluded: %s: %s" % (describe(case), EXCLUDED[case[0]]))
    few = len(excluded) <= EXCLUDED_MAX
    print("%s %d no more than %d cases are excluded" % ("ok" if few else "not ok", len(cases) + 1, EXCLUDED_MAX))
    return 1 if failed or not few else 0


sys.exit(main(sys.argv))
