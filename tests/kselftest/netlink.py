# SPDX-License-Identifier: Apache-2.0
"""Run by netlink.sh, in a namespace of its own with devices cg0 and cg1."""

import errno
import os
import random
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402
from nl import C, attr, be16, be32, s64, text, u8, u16, u32, u64  # noqa: E402

NOW = int(time.time())
CG0 = socket.if_nametoindex("cg0")
SECRET = bytes(range(0xA0, 0xA0 + 36))  # AES-256 and a salt
FUZZ_ROUNDS = 6000


def hash_of(name):
    return (name.encode() * 32)[:32]


def link(cert, spki):
    return attr("CERT_LINK", [attr("LINK_CERT", hash_of(cert)), attr("LINK_SPKI", hash_of(spki))])


def cert(*links, begin=NOW - 100, end=NOW + 1000, subject="CN=test"):
    return list(links or [link("l", "L"), link("r", "R")]) + [
        text("CERT_SUBJECT", subject), s64("CERT_NOT_BEFORE", begin), s64("CERT_NOT_AFTER", end)]


def endpoint(kind, address, port=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    inside = [attr("ENDPOINT_ADDR", socket.inet_pton(family, address))]
    if port is not None:
        inside.append(be16("ENDPOINT_PORT", port))
    return attr(kind, inside)


def selector(kind, start, end, *more):
    family = socket.AF_INET6 if ":" in start else socket.AF_INET
    return attr(kind, [attr("SELECTOR_ADDR_START", socket.inet_pton(family, start)),
                       attr("SELECTOR_ADDR_END", socket.inet_pton(family, end)), *more])


LOCAL_TS = selector("TUNNEL_LOCAL_TS", "10.1.0.0", "10.1.0.255")
REMOTE_TS = selector("TUNNEL_REMOTE_TS", "10.2.0.0", "10.2.0.255")


def tunnel(local="192.0.2.1", remote="192.0.2.2", encap=C["ENCAP_NONE"], ifindex=CG0, ts=None):
    return [u32("TUNNEL_IFINDEX", ifindex), endpoint("TUNNEL_LOCAL", local),
            endpoint("TUNNEL_REMOTE", remote), u8("TUNNEL_ENCAP", encap), *(ts or [LOCAL_TS, REMOTE_TS])]


def sa(tunnel_id, cert_id, direction="IN", spi=4096, key=SECRET, encr="AES_GCM_16", more=()):
    return [u8("SA_DIR", C["DIR_" + direction]), be32("SA_SPI", spi), u32("SA_TUNNEL_ID", tunnel_id),
            u32("SA_CERT_ID", cert_id), u16("SA_ENCR", C["ENCR_" + encr]), attr("SA_KEY", key), *more]


class Checks(nl.Ktap):
    """Requests and what must come of them."""

    def __init__(self, planned):
        super().__init__(planned)
        self.family = nl.Family()

    def refused(self, what, error, said, culprit, cmd, *attributes):
        """culprit: the attribute that is pointed at, or "missing NAME", or None"""
        payload = b"".join(attributes)
        answer = self.family.talk(self.family.id, C["CMD_" + cmd], payload)
        good = answer.error == error and said in (answer.message or "")
        if culprit and culprit.startswith("missing "):
            good &= answer.missing == C["A_" + culprit[8:]]
        elif culprit:
            at = (answer.offset or 0) - 20
            good &= at >= 0 and struct.unpack_from("=H", payload, at + 2)[0] & 0x3FFF == C["A_" + culprit]
        self.result(what, good, answer)

    def done(self, what, cmd, *attributes, check=None):
        answer = self.family.do(cmd, *attributes)
        good = not answer.error and (check is None or check(answer))
        self.result(what, good, answer)
        return answer.messages[0] if answer.messages else b""


def certificates(t):
    t.refused("a binding needs a chain", errno.EINVAL, "needs", "missing CERT_LINK",
              "CERT_NEW", *cert()[2:])
    t.refused("a binding needs a subject", errno.EINVAL, "needs", "missing CERT_SUBJECT",
              "CERT_NEW", link("l", "L"), s64("CERT_NOT_BEFORE", 0), s64("CERT_NOT_AFTER", NOW + 9))
    t.refused("an empty subject", errno.EINVAL, "subject is empty", "CERT_SUBJECT",
              "CERT_NEW", *cert(subject=""))
    t.refused("a subject that is too long", errno.EINVAL, "", "CERT_SUBJECT",
              "CERT_NEW", *cert(subject="x" * 1024))
    t.refused("a window that ends before it starts", errno.EINVAL, "before it starts", "CERT_NOT_AFTER",
              "CERT_NEW", *cert(begin=NOW, end=NOW - 1))
    t.refused("a chain that is not valid yet", errno.EKEYREJECTED, "not valid yet", "CERT_NOT_BEFORE",
              "CERT_NEW", *cert(begin=NOW + 500))
    t.refused("a chain that has expired", errno.EKEYEXPIRED, "has expired", "CERT_NOT_AFTER",
              "CERT_NEW", *cert(end=NOW - 50))
    t.refused("a link without the key's hash", errno.EINVAL, "of its key", "CERT_LINK",
              "CERT_NEW", *cert(attr("CERT_LINK", [attr("LINK_CERT", hash_of("a"))])))
    t.refused("a hash of 31 bytes", errno.ERANGE, "", "LINK_CERT", "CERT_NEW",
              *cert(attr("CERT_LINK", [attr("LINK_CERT", bytes(31)), attr("LINK_SPKI", bytes(32))])))
    t.refused("a certificate twice in the chain", errno.EINVAL, "twice", "LINK_CERT",
              "CERT_NEW", *cert(link("a", "A"), link("a", "B")))
    t.refused("a key twice in the chain", errno.EINVAL, "twice", "LINK_SPKI",
              "CERT_NEW", *cert(link("a", "A"), link("b", "A")))
    t.refused("nine certificates", errno.E2BIG, "more certificates", "CERT_LINK",
              "CERT_NEW", *cert(*[link(chr(97 + i), chr(65 + i)) for i in range(9)]))
    t.refused("an attribute of another request", errno.EINVAL, "", "CERT_SA_COUNT",
              "CERT_NEW", *cert(), u32("CERT_SA_COUNT", 1))
    t.refused("a binding that is not there", errno.ENOENT, "no such", "CERT_ID",
              "CERT_GET", u32("CERT_ID", 999))
    t.refused("deleting what is not there", errno.ENOENT, "no such", "CERT_ID",
              "CERT_DEL", u32("CERT_ID", 999))
    t.refused("unrevoking what is not revoked", errno.ENOENT, "not revoked", "CERT_FINGERPRINT",
              "CERT_UNREVOKE", attr("CERT_FINGERPRINT", hash_of("z")))
    t.done("eight certificates", "CERT_NEW", *cert(*[link(chr(97 + i), chr(65 + i)) for i in range(8)]))
    t.done("revoking what nobody knows", "CERT_REVOKE", attr("CERT_FINGERPRINT", hash_of("K")),
           check=lambda a: nl.number(a.messages[0], "CERT_SA_COUNT") == 0)
    t.refused("a chain with a key revoked before", errno.EKEYREVOKED, "public key", "LINK_SPKI",
              "CERT_NEW", *cert(link("j", "J"), link("k", "K")))
    t.done("it is told as revoked", "FINGERPRINT_GET", attr("FINGERPRINT_HASH", hash_of("K")),
           check=lambda a: nl.get(a.messages[0], "FINGERPRINT_REVOKED") is not None)
    t.done("unrevoking it", "CERT_UNREVOKE", attr("CERT_FINGERPRINT", hash_of("K")))
    t.refused("then nobody knows it again", errno.ENOENT, "no such", "FINGERPRINT_HASH",
              "FINGERPRINT_GET", attr("FINGERPRINT_HASH", hash_of("K")))
    made = t.done("and the chain is taken", "CERT_NEW", *cert(link("j", "J"), link("k", "K")))
    told = nl.number(made, "CERT_ID")
    t.done("what is told is what was given", "CERT_GET", u32("CERT_ID", told),
           check=lambda a: nl.get(a.messages[0], "CERT_SUBJECT") == b"CN=test\0"
           and nl.number(a.messages[0], "CERT_STATE") == C["CERT_VALID"]
           and nl.number(a.messages[0], "CERT_NOT_AFTER") == NOW + 1000
           and [dict(nl.parse(p))[2][:1] for k, p in nl.parse(a.messages[0])
                if k == C["A_CERT_LINK"]] == [b"J", b"K"])
    t.done("and it can go", "CERT_DEL", u32("CERT_ID", told))


def tunnels(t):
    t.refused("a tunnel needs a device", errno.EINVAL, "needs", "missing TUNNEL_IFINDEX",
              "TUNNEL_NEW", *tunnel()[1:])
    t.refused("a device of another kind", errno.ENODEV, "certgate device", "TUNNEL_IFINDEX",
              "TUNNEL_NEW", *tunnel(ifindex=1))
    t.refused("endpoints of two families", errno.EINVAL, "different families", "TUNNEL_LOCAL",
              "TUNNEL_NEW", *tunnel(remote="2001:db8::2"))
    t.refused("a peer that is everybody", errno.EINVAL, "not the address of a host", "TUNNEL_REMOTE",
              "TUNNEL_NEW", *tunnel(remote="224.0.0.1"))
    t.refused("a peer that is nobody", errno.EINVAL, "not the address of a host", "TUNNEL_REMOTE",
              "TUNNEL_NEW", *tunnel(remote="0.0.0.0"))
    t.refused("a port without UDP", errno.EINVAL, "needs UDP", "TUNNEL_LOCAL", "TUNNEL_NEW",
              u32("TUNNEL_IFINDEX", CG0), endpoint("TUNNEL_LOCAL", "192.0.2.1", 4500), *tunnel()[2:])
    t.refused("UDP without a socket", errno.ENOENT, "no socket", "TUNNEL_LOCAL",
              "TUNNEL_NEW", *tunnel(encap=C["ENCAP_UDP"]))
    t.refused("an encapsulation that does not exist", errno.ERANGE, "", "TUNNEL_ENCAP",
              "TUNNEL_NEW", *tunnel(encap=9))
    t.refused("an address of 5 bytes", errno.EINVAL, "4 or 16 bytes", "ENDPOINT_ADDR", "TUNNEL_NEW",
              u32("TUNNEL_IFINDEX", CG0), attr("TUNNEL_LOCAL", [attr("ENDPOINT_ADDR", bytes(5))]), *tunnel()[2:])
    t.refused("a range that ends before it starts", errno.EINVAL, "ends before", "SELECTOR_ADDR_END", "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS, selector("TUNNEL_REMOTE_TS", "10.2.0.9", "10.2.0.1")]))
    t.refused("a range of two families", errno.EINVAL, "both of 4 or 16", "SELECTOR_ADDR_END", "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS, attr("TUNNEL_REMOTE_TS", [attr("SELECTOR_ADDR_START", bytes(4)),
                                                              attr("SELECTOR_ADDR_END", bytes(16))])]))
    t.refused("sides of two families", errno.EINVAL, "no address family", "TUNNEL_REMOTE_TS", "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS, selector("TUNNEL_REMOTE_TS", "fd00::", "fd00::ffff")]))
    t.refused("ports without a protocol", errno.EINVAL, "need a protocol", "TUNNEL_REMOTE_TS", "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS, selector("TUNNEL_REMOTE_TS", "10.2.0.0", "10.2.0.1",
                                             u16("SELECTOR_PORT_START", 80))]))
    t.refused("ports the wrong way round", errno.EINVAL, "port range", "TUNNEL_REMOTE_TS", "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS, selector("TUNNEL_REMOTE_TS", "10.2.0.0", "10.2.0.1", u8("SELECTOR_PROTOCOL", 6),
                                             u16("SELECTOR_PORT_START", 80), u16("SELECTOR_PORT_END", 79))]))
    t.refused("33 selectors", errno.E2BIG, "more selectors", None, "TUNNEL_NEW",
              *tunnel(ts=[LOCAL_TS] + [selector("TUNNEL_REMOTE_TS", "10.3.%d.0" % i, "10.3.%d.9" % i)
                                       for i in range(33)]))
    t.refused("flags that do not exist", errno.EINVAL, "", "TUNNEL_FLAGS", "TUNNEL_NEW",
              *tunnel(), attr("TUNNEL_FLAGS", struct.pack("=II", 0x80, 0x80)))
    t.refused("an underlay that is not there", errno.ENODEV, "no such device", "TUNNEL_UNDERLAY", "TUNNEL_NEW",
              *tunnel(), u32("TUNNEL_UNDERLAY", 9999))
    t.refused("a label that is too long", errno.EINVAL, "", "TUNNEL_LABEL", "TUNNEL_NEW",
              *tunnel(), text("TUNNEL_LABEL", "x" * 64))
    many = [selector(side, "fd00:%x::%x" % (i, n), "fd00:%x::%x:ffff" % (i, n), u8("SELECTOR_PROTOCOL", 6),
                     u16("SELECTOR_PORT_START", 1000 + i), u16("SELECTOR_PORT_END", 2000))
            for n, side in ((1, "TUNNEL_LOCAL_TS"), (2, "TUNNEL_REMOTE_TS")) for i in range(32)]
    made = t.done("32 selectors of each side", "TUNNEL_NEW", *tunnel(ts=many))
    large = nl.number(made, "TUNNEL_ID")
    t.done("they are all told", "TUNNEL_GET", u32("TUNNEL_ID", large),
           check=lambda a: sum(k in (C["A_TUNNEL_LOCAL_TS"], C["A_TUNNEL_REMOTE_TS"])
                               for k, _ in nl.parse(a.messages[0])) == 64)
    answer = t.family.dump("TUNNEL_GET")
    t.result("in a dump, too", not answer.error and len(answer.messages) == 1, answer)
    made = t.done("a tunnel", "TUNNEL_NEW", *tunnel(), text("TUNNEL_LABEL", "hq"), u32("TUNNEL_MARK", 7))
    small = nl.number(made, "TUNNEL_ID")
    t.refused("its twin", errno.EEXIST, "equal selectors", "TUNNEL_REMOTE_TS", "TUNNEL_NEW", *tunnel())
    t.done("its twin on another device", "TUNNEL_NEW", *tunnel(ifindex=socket.if_nametoindex("cg1")))
    t.done("what is told is what was given", "TUNNEL_GET", u32("TUNNEL_ID", small),
           check=lambda a: nl.get(a.messages[0], "TUNNEL_LABEL") == b"hq\0"
           and nl.number(a.messages[0], "TUNNEL_MARK") == 7
           and nl.number(a.messages[0], "TUNNEL_IFINDEX") == CG0)
    t.done("a new peer and mark", "TUNNEL_SET", u32("TUNNEL_ID", small), endpoint("TUNNEL_REMOTE", "192.0.2.99"),
           u32("TUNNEL_MARK", 8))
    t.done("are told", "TUNNEL_GET", u32("TUNNEL_ID", small),
           check=lambda a: nl.number(a.messages[0], "TUNNEL_MARK") == 8
           and bytes([192, 0, 2, 99]) in nl.get(a.messages[0], "TUNNEL_REMOTE")
           and bytes([192, 0, 2, 1]) in nl.get(a.messages[0], "TUNNEL_LOCAL"))
    t.refused("a peer of another family", errno.EINVAL, "different families", "TUNNEL_REMOTE",
              "TUNNEL_SET", u32("TUNNEL_ID", small), endpoint("TUNNEL_REMOTE", "2001:db8::2"))
    t.refused("both ends of another family", errno.EINVAL, "keeps the address family", "TUNNEL_LOCAL",
              "TUNNEL_SET", u32("TUNNEL_ID", small), endpoint("TUNNEL_LOCAL", "2001:db8::1"),
              endpoint("TUNNEL_REMOTE", "2001:db8::2"))
    t.refused("a socket for raw ESP", errno.EINVAL, "needs UDP", "TUNNEL_SOCKET_ID",
              "TUNNEL_SET", u32("TUNNEL_ID", small), u32("TUNNEL_SOCKET_ID", 1))
    t.refused("a tunnel that is not there", errno.ENOENT, "no such tunnel", "TUNNEL_ID",
              "TUNNEL_SET", u32("TUNNEL_ID", 999))
    t.done("a tunnel goes", "TUNNEL_DEL", u32("TUNNEL_ID", large))
    t.refused("and is gone", errno.ENOENT, "no such tunnel", "TUNNEL_ID", "TUNNEL_GET", u32("TUNNEL_ID", large))
    return small


def associations(t, tun):
    made = t.done("a binding for SAs", "CERT_NEW", *cert())
    binding = nl.number(made, "CERT_ID")

    def no(what, error, said, culprit, *args, more=(), **kw):
        t.refused(what, error, said, culprit, "SA_NEW", *sa(*args, more=more, **kw))

    t.refused("an SA needs a key", errno.EINVAL, "needs", "missing SA_KEY",
              "SA_NEW", *sa(tun, binding)[:-1])
    no("no SA without a binding", errno.ENOENT, "no such certificate", "SA_CERT_ID", tun, 999)
    no("no SA without a tunnel", errno.ENOENT, "no such tunnel", "SA_TUNNEL_ID", 999, binding)
    no("SPIs below 256 are reserved", errno.EINVAL, "reserved", "SA_SPI", tun, binding, spi=255)
    no("a key one byte short", errno.EINVAL, "", "SA_KEY", tun, binding, key=SECRET[:-1])
    no("an empty key", errno.EINVAL, "", "SA_KEY", tun, binding, key=b"")
    no("an endless key", errno.ERANGE, "", "SA_KEY", tun, binding, key=bytes(129))
    t.refused("an algorithm that does not exist", errno.EINVAL, "", "SA_ENCR", "SA_NEW",
              *sa(tun, binding)[:4], u16("SA_ENCR", 99), attr("SA_KEY", SECRET))
    no("an AEAD with an integrity algorithm", errno.EINVAL, "", "SA_INTEG", tun, binding,
       more=[u16("SA_INTEG", C["INTEG_HMAC_SHA2_256_128"]), attr("SA_INTEG_KEY", bytes(32))])
    t.refused("CBC without integrity", errno.EINVAL, "", None, "SA_NEW",
              *sa(tun, binding, encr="AES_CBC", key=bytes(32)))
    no("a short integrity key", errno.EINVAL, "", "SA_INTEG_KEY", tun, binding, encr="AES_CBC", key=bytes(32),
       more=[u16("SA_INTEG", C["INTEG_HMAC_SHA2_256_128"]), attr("SA_INTEG_KEY", bytes(31))])
    no("a replay window for sending", errno.EINVAL, "no replay window", "SA_REPLAY_WINDOW", tun, binding, "OUT",
       more=[u32("SA_REPLAY_WINDOW", 128)])
    no("a tiny replay window", errno.ERANGE, "", "SA_REPLAY_WINDOW", tun, binding, more=[u32("SA_REPLAY_WINDOW", 63)])
    no("a giant replay window", errno.ERANGE, "", "SA_REPLAY_WINDOW", tun, binding,
       more=[u32("SA_REPLAY_WINDOW", 65537)])
    no("activation of an inbound SA", errno.EINVAL, "always active", "SA_ACTIVATE", tun, binding,
       more=[u8("SA_ACTIVATE", 0)])
    no("a pair of an inbound SA", errno.EINVAL, "only an outbound", "SA_PAIR_SPI", tun, binding,
       more=[be32("SA_PAIR_SPI", 4096)])
    no("waiting for nothing", errno.EINVAL, "activation on use", "missing SA_PAIR_SPI", tun, binding, "OUT",
       more=[u8("SA_ACTIVATE", C["ACTIVATE_ON_USE"])])
    no("waiting for an SA that is not there", errno.ENOENT, "no such inbound", "SA_PAIR_SPI", tun, binding, "OUT",
       more=[u8("SA_ACTIVATE", C["ACTIVATE_ON_USE"]), be32("SA_PAIR_SPI", 77777)])
    no("a sequence number of one's own", errno.EINVAL, "", "SA_SEQUENCE", tun, binding, "OUT",
       more=[u64("SA_SEQUENCE", 5)])
    for unit in ("SECONDS", "BYTES", "PACKETS"):
        no("a soft limit above the hard one, " + unit.lower(), errno.EINVAL, "above the hard", "SA_SOFT_" + unit,
           tun, binding, more=[u64("SA_SOFT_" + unit, 2), u64("SA_HARD_" + unit, 1)])
    t.refused("none of them left anything behind", errno.ENOENT, "no such SA", "SA_SPI", "SA_GET",
              u8("SA_DIR", C["DIR_IN"]), be32("SA_SPI", 4096))

    inbound = nl.number(t.done("an inbound SA", "SA_NEW", *sa(tun, binding)), "SA_ID")
    no("its SPI again", errno.EEXIST, "has this SPI", "SA_SPI", tun, binding, key=b"\1" + SECRET[1:])
    no("its key again", errno.EEXIST, "installed before", "SA_KEY", tun, binding, spi=4097)
    outbound = nl.number(t.done("an outbound SA", "SA_NEW", *sa(tun, binding, "OUT", key=b"\2" + SECRET[1:])), "SA_ID")
    no("that key again", errno.EEXIST, "installed before", "SA_KEY", tun, binding, "OUT", 4098, key=b"\2" + SECRET[1:])
    t.done("it is active", "SA_GET", u32("SA_ID", outbound),
           check=lambda a: nl.number(a.messages[0], "SA_STATE") == C["SA_ACTIVE"]
           and nl.number(a.messages[0], "SA_SEQUENCE") == 0 and nl.number(a.messages[0], "SA_KEY_BITS") == 256)
    t.done("the inbound one is found by its SPI", "SA_GET", u8("SA_DIR", C["DIR_IN"]), be32("SA_SPI", 4096),
           check=lambda a: nl.number(a.messages[0], "SA_ID") == inbound
           and nl.number(a.messages[0], "SA_REPLAY_WINDOW") == C["DEFAULT_REPLAY_WINDOW"])
    t.done("the outbound one by tunnel and SPI", "SA_GET", u8("SA_DIR", C["DIR_OUT"]), be32("SA_SPI", 4096),
           u32("SA_TUNNEL_ID", tun), check=lambda a: nl.number(a.messages[0], "SA_ID") == outbound)
    t.refused("not by SPI alone", errno.EINVAL, "name the SA", None, "SA_GET",
              u8("SA_DIR", C["DIR_OUT"]), be32("SA_SPI", 4096))
    t.refused("a binding in use stays", errno.EBUSY, "refer to", "CERT_ID", "CERT_DEL", u32("CERT_ID", binding))
    t.refused("a tunnel with SAs keeps its encapsulation", errno.EBUSY, "while the tunnel has SAs", "TUNNEL_ENCAP",
              "TUNNEL_SET", u32("TUNNEL_ID", tun), u8("TUNNEL_ENCAP", C["ENCAP_UDP"]))
    t.refused("an inbound SA is not activated", errno.EINVAL, "always active", "SA_ACTIVATE", "SA_SET",
              u32("SA_ID", inbound), u8("SA_ACTIVATE", 0))
    t.refused("nor is any later", errno.EINVAL, "now only", "SA_ACTIVATE", "SA_SET",
              u32("SA_ID", outbound), u8("SA_ACTIVATE", 1))
    t.done("limits can be set", "SA_SET", u32("SA_ID", outbound), u64("SA_SOFT_PACKETS", 10),
           u64("SA_HARD_PACKETS", 20))
    t.refused("against each other they cannot", errno.EINVAL, "above the hard", "SA_SOFT_PACKETS", "SA_SET",
              u32("SA_ID", outbound), u64("SA_SOFT_PACKETS", 21))
    t.done("and are told", "SA_GET", u32("SA_ID", outbound),
           check=lambda a: nl.number(a.messages[0], "SA_SOFT_PACKETS") == 10
           and nl.number(a.messages[0], "SA_HARD_PACKETS") == 20
           and nl.number(a.messages[0], "SA_HARD_BYTES") is None)
    t.done("an SA goes", "SA_DEL", u32("SA_ID", outbound))
    no("its key does not come again", errno.EEXIST, "installed before", "SA_KEY", tun, binding, "OUT", 4099,
       key=b"\2" + SECRET[1:])
    t.done("revocation counts", "CERT_REVOKE", attr("CERT_FINGERPRINT", hash_of("r")),
           check=lambda a: nl.number(a.messages[0], "CERT_SA_COUNT") == 1
           and nl.number(a.messages[0], "CERT_BINDING_COUNT") == 1)
    no("no SA under a revoked binding", errno.EKEYREVOKED, "is revoked", "SA_CERT_ID", tun, binding, spi=5000,
       key=b"\3" + SECRET[1:])
    t.done("its SA is dead", "SA_GET", u32("SA_ID", inbound),
           check=lambda a: nl.number(a.messages[0], "SA_STATE") == C["SA_DEAD"]
           and nl.number(a.messages[0], "SA_DEATH") == C["SA_DEATH_REVOKED"])
    t.refused("and takes nothing any more", errno.ESTALE, "dead", None, "SA_SET", u32("SA_ID", inbound),
              u64("SA_HARD_BYTES", 5))
    t.done("unrevoking", "CERT_UNREVOKE", attr("CERT_FINGERPRINT", hash_of("r")))
    no("revives nothing", errno.EKEYREVOKED, "is revoked", "SA_CERT_ID", tun, binding, spi=5000, key=b"\4" + SECRET[1:])


def small_things(t):
    t.refused("a lease beyond a week", errno.ERANGE, "", "LEASE_SECONDS", "LEASE_SET", u32("LEASE_SECONDS", 604801))
    t.refused("a lease of no length", errno.EINVAL, "", "missing LEASE_SECONDS", "LEASE_SET")
    t.done("no lease at first", "LEASE_GET", check=lambda a: nl.get(a.messages[0], "LEASE_REMAINING") is None)
    t.done("a lease", "LEASE_SET", u32("LEASE_SECONDS", 600))
    t.done("is told", "LEASE_GET", check=lambda a: 590 < nl.number(a.messages[0], "LEASE_REMAINING") <= 600)
    t.done("and ends", "LEASE_SET", u32("LEASE_SECONDS", 0))
    t.done("without a trace", "LEASE_GET", check=lambda a: nl.get(a.messages[0], "LEASE_REMAINING") is None)
    t.refused("flushing what does not exist", errno.EINVAL, "", "FLUSH_WHAT", "FLUSH", u32("FLUSH_WHAT", 0x10))
    t.refused("a socket that is none", errno.EBADF, "", None, "SOCKET_NEW", u32("SOCKET_FD", 12345))
    t.refused("an event is no request", errno.EOPNOTSUPP, "", None, "EVENT")
    with open("userspace/base/version.h", encoding="utf-8") as header, \
            open("/sys/module/certgate/version", encoding="utf-8") as module:
        t.result("module and programs are of one version", '"%s"' % module.read().strip() in header.read())
    answer = t.family.do("DEVICE_GET", text("DEVICE_IFNAME", "cg0"))
    t.result("a device by name", not answer.error and nl.number(answer.messages[0], "DEVICE_IFINDEX") == CG0, answer)


def larval(spi=70000, tunnel_id=None, ms=10000):
    return [be32("LARVAL_SPI", spi), u32("LARVAL_TUNNEL_ID", tunnel_id), u32("LARVAL_MILLISECONDS", ms)]


def larvals(t, tun):
    """SPIs whose SA is still to come."""
    for missing in ("SPI", "TUNNEL_ID", "MILLISECONDS"):
        left = [a for a, name in zip(larval(tunnel_id=tun), ("SPI", "TUNNEL_ID", "MILLISECONDS")) if name != missing]
        t.refused("a larval SA without %s" % missing, errno.EINVAL, "", "missing LARVAL_" + missing, "LARVAL_NEW", *left)
    t.refused("a reserved SPI that is to come", errno.EINVAL, "reserved", "LARVAL_SPI", "LARVAL_NEW", *larval(255, tun))
    t.refused("one of a tunnel that is not there", errno.ENOENT, "no such tunnel", "LARVAL_TUNNEL_ID", "LARVAL_NEW", *larval(tunnel_id=999))
    for ms in (0, 10001):
        t.refused("one for %d milliseconds" % ms, errno.ERANGE, "", "LARVAL_MILLISECONDS", "LARVAL_NEW", *larval(tunnel_id=tun, ms=ms))
    t.done("a larval SA", "LARVAL_NEW", *larval(tunnel_id=tun))
    t.done("is counted", "TUNNEL_GET", u32("TUNNEL_ID", tun), check=lambda a: nl.number(a.messages[0], "TUNNEL_LARVAL_COUNT") == 1)
    t.refused("the same once more", errno.EEXIST, "a larval SA has", "LARVAL_SPI", "LARVAL_NEW", *larval(tunnel_id=tun))
    t.refused("the end of another", errno.ENOENT, "no larval SA", "LARVAL_SPI", "LARVAL_DEL", be32("LARVAL_SPI", 70001))
    t.done("its end", "LARVAL_DEL", be32("LARVAL_SPI", 70000))
    t.done("leaves none", "TUNNEL_GET", u32("TUNNEL_ID", tun), check=lambda a: nl.number(a.messages[0], "TUNNEL_LARVAL_COUNT") == 0)
    errors = [t.family.do("LARVAL_NEW", *larval(70100 + i, tun)).error for i in range(17)]
    t.result("a tunnel has no more than sixteen", errors == [0] * 16 + [errno.ENOSPC], errors)
    for i in range(16):
        t.family.do("LARVAL_DEL", be32("LARVAL_SPI", 70100 + i))


def keys_stay(t, tun):
    """Nothing that comes back contains a key: not the echo of a refused request, not any dump."""
    t.done("a binding for keys", "CERT_NEW", *cert(link("x", "X")),
           check=lambda a: setattr(t, "binding", nl.number(a.messages[0], "CERT_ID")) is None)
    seen = b""
    integ = bytes(range(0x40, 0x60))
    cbc = [u16("SA_INTEG", C["INTEG_HMAC_SHA2_256_128"]), attr("SA_INTEG_KEY", integ)]
    tries = [
        sa(tun, 999), sa(999, t.binding), sa(tun, t.binding, spi=1), sa(tun, t.binding)[1:],
        sa(tun, t.binding, key=SECRET + b"x"), sa(tun, t.binding, "OUT", more=[u64("SA_SOFT_BYTES", 2), u64("SA_HARD_BYTES", 1)]),
        sa(tun, t.binding) + [attr("SA_KEY", SECRET[::-1])],  # only the last is looked at
        sa(tun, t.binding, encr="AES_CBC", key=SECRET[:32], more=cbc, spi=5001),
        sa(tun, t.binding, encr="AES_CBC", key=SECRET[:32], more=cbc, spi=5001),
        sa(tun, 999, encr="AES_CBC", key=SECRET[:32], more=cbc, spi=5002),
    ]
    errors = 0
    for attributes in tries:
        answer = t.family.do("SA_NEW", *attributes)
        errors += answer.error != 0
        seen += answer.raw
    t.result("nine of ten requests with keys are refused", errors == 9, errors)
    t.result("and echoed, as they are", len(seen) > 1000, len(seen))
    for cmd in ("SA_GET", "CERT_GET", "TUNNEL_GET", "FINGERPRINT_GET", "DEVICE_GET", "SOCKET_GET"):
        seen += t.family.dump(cmd).raw
    t.result("without a trace of a key", not any(piece in seen for piece in (SECRET[:8], SECRET[8:16], SECRET[::-1][:8], integ[:8])))


ALL = ["DEVICE_GET", "CERT_NEW", "CERT_DEL", "CERT_GET", "CERT_REVOKE", "CERT_UNREVOKE", "FINGERPRINT_GET",
       "TUNNEL_NEW", "TUNNEL_SET", "TUNNEL_DEL", "TUNNEL_GET", "SA_NEW", "SA_SET", "SA_DEL", "SA_GET",
       "SOCKET_NEW", "SOCKET_DEL", "SOCKET_GET", "LEASE_SET", "LEASE_GET", "FLUSH", "LARVAL_NEW", "LARVAL_DEL"]
DUMPS = ["DEVICE_GET", "CERT_GET", "FINGERPRINT_GET", "TUNNEL_GET", "SA_GET", "SOCKET_GET"]


def in_child(function):
    """What function says, run in a child process that may give up its rights."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            said = function() or ""
        except Exception as error:  # pylint: disable=broad-except
            said = "%s: %s" % (type(error).__name__, error)
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.close(write)
    said = os.read(read, 5000).decode()
    os.close(read)
    os.waitpid(pid, 0)
    return said


def all_denied():
    family = nl.Family()
    wrong = [cmd for cmd in ALL if family.do(cmd).error != errno.EPERM]
    wrong += ["dump " + cmd for cmd in DUMPS if family.dump(cmd).error != errno.EPERM]
    try:
        family.join()
        wrong.append("events")
    except PermissionError:
        pass
    return " ".join(wrong)


CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def unshare(flags):
    import ctypes

    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: /proc/self is ours again after setresuid()
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")
    if not flags & CLONE_NEWUSER:
        return
    for name, line in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
        with open("/proc/self/" + name, "w", encoding="ascii") as file:
            file.write(line)


def permissions(t):
    def nobody():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        return all_denied()

    def root_elsewhere():
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        unshare(CLONE_NEWUSER)
        return all_denied()

    def root_at_home():
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
        family = nl.Family()
        family.join()
        wrong = [cmd for cmd in DUMPS if family.dump(cmd).error or family.dump(cmd).messages]
        answer = family.do("CERT_NEW", *cert())
        return " ".join(wrong + [str(answer)] * bool(answer.error))

    t.result("nobody may do or see anything", not (said := in_child(nobody)), said)
    t.result("nor may root of a user namespace, in ours", not (said := in_child(root_elsewhere)), said)
    t.result("in its own it may, and sees nothing of ours", not (said := in_child(root_at_home)), said)


LARGE, EACH = 60000, 150  # bytes of a packet that waits for a larval SA, and packets for each; one holds less than 8 MB of them


def held(foreign):
    """In a namespace of our own, of our own user namespace if foreign: how many packets wait for the two larval SAs of a tunnel."""
    unshare(CLONE_NEWNET | CLONE_NEWUSER * foreign)
    for line in ("link set lo up", "link add cg0 type certgate"):
        subprocess.run(["ip", *line.split()], check=True)
    family = nl.Family()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 4500))
    family.do("SOCKET_NEW", u32("SOCKET_FD", s.fileno()))
    made = family.do("TUNNEL_NEW", *tunnel("127.0.0.1", encap=C["ENCAP_UDP"], ifindex=socket.if_nametoindex("cg0")))
    tun = nl.number(made.messages[0], "TUNNEL_ID")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for spi in (80000, 80001):
        family.do("LARVAL_NEW", *larval(spi, tun))
        for _ in range(EACH):
            sender.sendto(struct.pack("!I", spi) + bytes(LARGE), ("127.0.0.1", 4500))
    return nl.number(family.do("TUNNEL_GET", u32("TUNNEL_ID", tun)).messages[0], "TUNNEL_EARLY_PACKETS")


def shares(t):
    """What namespaces of other users' hold at most, together, is half of what the machine does; each holds a quarter of that."""
    counts, children = [], []
    for foreign in (True, True, True, False):
        answer, told = os.pipe()
        go, hold = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(hold)
            os.write(told, b"%d" % held(foreign))
            os.read(go, 1)
            os._exit(0)
        os.close(go)
        os.close(told)
        counts.append(int(os.read(answer, 20) or -1))
        os.close(answer)
        children.append((pid, hold))
    t.result("two namespaces of others hold their share of early packets", min(counts[:2]) > 200, counts)
    t.result("and leave a third nothing", 0 <= counts[2] < 10, counts)
    t.result("but ours as much as ever", counts[3] > 200, counts)
    for pid, hold in children:
        os.close(hold)
    for pid, _ in children:
        os.waitpid(pid, 0)


def mutate(rng, message):
    """Bytes, lengths and types that nobody sane would send."""
    message = bytearray(message)
    for _ in range(rng.randint(1, 4)):
        if len(message) < 8:
            break
        at = rng.randrange(4, len(message))
        what = rng.randrange(5)
        if what == 0:
            message[at] = rng.randrange(256)
        elif what == 1:
            del message[at : at + rng.randint(1, 8)]
        elif what == 2:
            message[at:at] = rng.randbytes(rng.randint(1, 40))
        elif what == 3:
            message[at & ~3 : (at & ~3) + 2] = struct.pack("=H", rng.choice([0, 3, 4, 5, 8, 255, 65535]))
        else:
            message += message[4:at]
    return bytes(message[:12000])


def fuzz(t, tun):
    rng = random.Random(20260131)
    valid = {
        "DEVICE_GET": [text("DEVICE_IFNAME", "cg0")], "CERT_NEW": cert(), "CERT_DEL": [u32("CERT_ID", 1)],
        "CERT_GET": [u32("CERT_ID", 1)], "CERT_REVOKE": [attr("CERT_FINGERPRINT", hash_of("f"))],
        "CERT_UNREVOKE": [attr("CERT_FINGERPRINT", hash_of("f"))],
        "FINGERPRINT_GET": [attr("FINGERPRINT_HASH", hash_of("l"))], "TUNNEL_NEW": tunnel(),
        "TUNNEL_SET": [u32("TUNNEL_ID", tun), endpoint("TUNNEL_REMOTE", "192.0.2.3"), u32("TUNNEL_MARK", 1)],
        "TUNNEL_DEL": [u32("TUNNEL_ID", 12345)], "TUNNEL_GET": [u32("TUNNEL_ID", tun)],
        "SA_NEW": sa(tun, t.binding, more=[u64("SA_HARD_BYTES", 9)]), "SA_SET": [u32("SA_ID", 1), u64("SA_HARD_BYTES", 9)],
        "SA_DEL": [u8("SA_DIR", 0), be32("SA_SPI", 4096)], "SA_GET": [u32("SA_ID", 1)],
        "SOCKET_NEW": [u32("SOCKET_FD", 0)], "SOCKET_DEL": [u32("SOCKET_ID", 1)], "SOCKET_GET": [u32("SOCKET_ID", 1)],
        "LEASE_SET": [u32("LEASE_SECONDS", 0)], "LEASE_GET": [], "FLUSH": [u32("FLUSH_WHAT", 1)],
        "LARVAL_NEW": larval(tunnel_id=tun, ms=1), "LARVAL_DEL": [be32("LARVAL_SPI", 70000)],
    }
    odd, refused, taken = [], 0, 0
    for cmd in ALL:
        for kind in range(32):
            for size in (0, 1, 3, 4, 7, 8, 31, 33, 200):
                answer = t.family.talk(t.family.id, C["CMD_" + cmd], attr(kind, b"\xff" * size))
                refused += answer.error != 0
    t.result("every attribute of every size in every request is answered", refused > 4000, refused)
    refused = 0
    for _ in range(FUZZ_ROUNDS):
        cmd = rng.choice(ALL)
        message = mutate(rng, b"".join(valid[cmd]))
        dump = rng.random() < 0.1
        answer = t.family.talk(t.family.id, C["CMD_" + cmd], message, nl.NLM_F_DUMP if dump else nl.NLM_F_ACK)
        if answer.error >= 500 or answer.error in (errno.EFAULT, errno.ENOMEM, errno.EPROTO):
            odd.append("%s: %s" % (cmd, answer))
        refused += answer.error != 0
        taken += answer.error == 0
    t.result("%d mangled requests are answered, sanely" % FUZZ_ROUNDS, not odd, "\n".join(odd[:10]))
    t.result("most are refused, some mean something", refused > taken > 0, (refused, taken))
    answer = t.family.do("FLUSH", u32("FLUSH_WHAT", 0xF))
    left = [cmd for cmd in ("SA_GET", "TUNNEL_GET", "CERT_GET") if t.family.dump(cmd).messages]
    t.result("and a flush leaves nothing", not answer.error and not left, (answer, left))


def main():
    t = Checks(146)
    certificates(t)
    tun = tunnels(t)
    associations(t, tun)
    small_things(t)
    larvals(t, tun)
    keys_stay(t, tun)
    permissions(t)
    shares(t)
    fuzz(t, tun)
    t.end()


main()
