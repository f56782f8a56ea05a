# SPDX-License-Identifier: Apache-2.0
"""Run by memory.sh, in a namespace of its own with a device cg0, on a kernel with fault injection."""

import errno
import os
import socket
import sys
import time

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402
from nl import C, attr, be32, s64, text, u8, u16, u32  # noqa: E402

CG0 = socket.if_nametoindex("cg0")
NOW = int(time.time())
FAIL_NTH = "/proc/thread-self/fail-nth"


def hash_of(*words):
    return "/".join(map(str, words)).encode().ljust(32, b".")


def injected(n, action):
    """Does it with the nth allocation failing: what it says, and whether there was an nth."""
    fd = os.open(FAIL_NTH, os.O_RDWR)
    message = b"%d" % n
    os.pwrite(fd, message, 0)
    try:
        said = action()
    except OSError as error:
        said = error
    left = os.pread(fd, 20, 0)
    os.pwrite(fd, b"0", 0)
    os.close(fd)
    return said, left.strip() == b"0"


class Talker(nl.Family):
    """Sends with faults on; receives without, so that it is the module's request that fails."""

    def with_fault(self, n, cmd, payload, flags=nl.NLM_F_ACK):
        message = self.message(self.id, C["CMD_" + cmd], payload, flags)
        said, hit = injected(n, lambda: self.sock.send(message))
        if isinstance(said, OSError):
            return said.errno, hit
        try:
            return self.receive().error, hit
        except OSError as error:  # the answer itself could not be had
            return error.errno, hit


def endpoint(kind, address, *more):
    return attr(kind, [attr("ENDPOINT_ADDR", socket.inet_aton(address)), *more])


def selector(kind, start, end):
    return attr(kind, [attr("SELECTOR_ADDR_START", socket.inet_aton(start)),
                       attr("SELECTOR_ADDR_END", socket.inet_aton(end))])


def binding():
    return b"".join([attr("CERT_LINK", [attr("LINK_CERT", hash_of("c", i)), attr("LINK_SPKI", hash_of("k", i))])
                     for i in range(3)] +
                    [text("CERT_SUBJECT", "CN=test"), text("CERT_LABEL", "label"), s64("CERT_NOT_BEFORE", NOW - 100),
                     s64("CERT_NOT_AFTER", NOW + 10000)])


def tunnel(encap, *more):
    return b"".join([u32("TUNNEL_IFINDEX", CG0), endpoint("TUNNEL_LOCAL", "192.0.2.1", *more),
                     endpoint("TUNNEL_REMOTE", "192.0.2.2", *more), u8("TUNNEL_ENCAP", encap),
                     selector("TUNNEL_LOCAL_TS", "10.1.0.0", "10.1.0.255"),
                     selector("TUNNEL_REMOTE_TS", "10.2.0.0", "10.2.0.255")])


serial = 0


def sa(direction, encr, key, *more):
    """A key of its own each time: the module remembers them."""
    def make():
        global serial
        serial += 1
        return b"".join([u8("SA_DIR", C["DIR_" + direction]), be32("SA_SPI", 4096), u32("SA_TUNNEL_ID", make.tunnel),
                         u32("SA_CERT_ID", make.cert), u16("SA_ENCR", C["ENCR_" + encr]),
                         attr("SA_KEY", serial.to_bytes(4, "big") + bytes(key - 4)), *more])
    make.tunnel = make.cert = 0
    return make


def tables(family):
    return {kind: len(family.dump(kind + "_GET").messages) for kind in ("CERT", "FINGERPRINT", "TUNNEL", "SA", "SOCKET")}


def every_allocation(t, family, what, cmd, payload, undo):
    """undo(family): takes back what succeeded. Ends when a round had no nth allocation."""
    before = tables(family)
    odd, failures, n = [], 0, 0
    while n < 500:
        n += 1
        error, hit = family.with_fault(n, cmd, payload() if callable(payload) else payload)
        if error and error not in (errno.ENOMEM, errno.ENOBUFS, errno.EMSGSIZE, errno.ENOENT, errno.EINVAL):
            odd.append("allocation %d: %s" % (n, errno.errorcode.get(error, error)))
        failures += error != 0
        if error == 0:
            undo(family)
        elif tables(family) != before:
            undo(family)
            if tables(family) != before:
                odd.append("allocation %d: %s was %s" % (n, tables(family), before))
        if not hit:
            break
    good = not odd and failures > 0 and n < 500 and error == 0
    t.result("%s: %d allocations fail, it fails %d times and then works" % (what, n - 1, failures), good, "\n".join(odd[:5]))


def flush(what):
    def undo(family):
        family.do("FLUSH", u32("FLUSH_WHAT", C["FLUSH_" + what]))
    return undo


def dump(t, family, cmd):
    odd, n = [], 0
    whole = len(family.dump(cmd).messages)
    while n < 200:
        n += 1
        error, hit = family.with_fault(n, cmd, b"", nl.NLM_F_DUMP)
        if error and error not in (errno.ENOMEM, errno.ENOBUFS):
            odd.append("allocation %d: %s" % (n, errno.errorcode.get(error, error)))
        if not hit:
            break
    t.result("a dump of %s: %d allocations fail" % (cmd, n - 1),
             not odd and n < 200 and len(family.dump(cmd).messages) == whole > 0, odd[:5])


def main():
    t = nl.Ktap(19)
    family = Talker(cap_ack=True)
    fingerprint = attr("CERT_FINGERPRINT", hash_of("c", 1))
    every_allocation(t, family, "cert-new", "CERT_NEW", binding(), flush("CERTS"))
    every_allocation(t, family, "cert-revoke", "CERT_REVOKE", fingerprint, lambda f: f.do("CERT_UNREVOKE", fingerprint))
    every_allocation(t, family, "tunnel-new", "TUNNEL_NEW", tunnel(C["ENCAP_NONE"]), flush("TUNNELS"))

    cert = nl.number(family.talk(family.id, C["CMD_CERT_NEW"], binding()).messages[0], "CERT_ID")
    tun = nl.number(family.talk(family.id, C["CMD_TUNNEL_NEW"], tunnel(C["ENCAP_NONE"])).messages[0], "TUNNEL_ID")
    every_allocation(t, family, "tunnel-set", "TUNNEL_SET",
                     u32("TUNNEL_ID", tun) + endpoint("TUNNEL_REMOTE", "192.0.2.3"), lambda f: None)
    integ = [u16("SA_INTEG", C["INTEG_HMAC_SHA2_256_128"]), attr("SA_INTEG_KEY", bytes(32))]
    for what, make in (
            ("AES-GCM, inbound", sa("IN", "AES_GCM_16", 36)),
            ("AES-GCM with ESN, outbound", sa("OUT", "AES_GCM_16", 20, attr("SA_ESN"))),
            ("ChaCha20-Poly1305, inbound", sa("IN", "CHACHA20_POLY1305", 36)),
            ("AES-CBC with ESN, outbound", sa("OUT", "AES_CBC", 32, attr("SA_ESN"), *integ)),
            ("AES-CBC, inbound", sa("IN", "AES_CBC", 16, *integ))):
        make.tunnel, make.cert = tun, cert
        family.talk(family.id, C["CMD_SA_NEW"], make())  # the crypto core learns an algorithm only once
        flush("SAS")(family)
        every_allocation(t, family, "sa-new, " + what, "SA_NEW", make, flush("SAS"))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("192.0.2.1", 4500))
    every_allocation(t, family, "socket-new", "SOCKET_NEW", u32("SOCKET_FD", sock.fileno()), flush("SOCKETS"))
    family.do("SOCKET_NEW", u32("SOCKET_FD", sock.fileno()))
    every_allocation(t, family, "tunnel-set to UDP", "TUNNEL_SET",
                     u32("TUNNEL_ID", tun) + u8("TUNNEL_ENCAP", C["ENCAP_UDP"]),
                     lambda f: f.do("TUNNEL_SET", u32("TUNNEL_ID", tun), u8("TUNNEL_ENCAP", C["ENCAP_NONE"])))
    make = sa("IN", "AES_GCM_16", 36)
    make.tunnel, make.cert = tun, cert
    answer = family.talk(family.id, C["CMD_SA_NEW"], make())
    one = u32("SA_ID", nl.number(answer.messages[0], "SA_ID"))
    every_allocation(t, family, "sa-get", "SA_GET", one, lambda f: None)
    every_allocation(t, family, "cert-get", "CERT_GET", u32("CERT_ID", cert), lambda f: None)
    for cmd in ("SA_GET", "TUNNEL_GET", "CERT_GET", "FINGERPRINT_GET", "SOCKET_GET", "DEVICE_GET"):
        dump(t, family, cmd)
    t.end()


main()
