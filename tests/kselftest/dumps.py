# SPDX-License-Identifier: Apache-2.0
"""Run by dumps.sh, in a namespace of its own with a device cg0."""

import os
import signal
import socket
import sys
import time

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402
from nl import C, attr, be32, s64, text, u8, u16, u32  # noqa: E402

N = 1000
NOW = int(time.time())
CG0 = socket.if_nametoindex("cg0")


def digest(*words):
    return "/".join(map(str, words)).encode().ljust(32, b".")


def add_cert(family, i):
    return family.do("CERT_NEW", attr("CERT_LINK", [attr("LINK_CERT", digest("c", i)), attr("LINK_SPKI", digest("k", i))]),
                     attr("CERT_LINK", [attr("LINK_CERT", digest("root")), attr("LINK_SPKI", digest("root", "k"))]),
                     text("CERT_SUBJECT", "CN=%d" % i), s64("CERT_NOT_BEFORE", NOW - 100), s64("CERT_NOT_AFTER", NOW + 9999))


def selector(kind, first, i):
    base = bytes([first, i >> 8, i & 255])
    return attr(kind, [attr("SELECTOR_ADDR_START", base + b"\0"), attr("SELECTOR_ADDR_END", base + b"\xff")])


def add_tunnel(family, i):
    ends = [attr(kind, [attr("ENDPOINT_ADDR", socket.inet_aton(ip))])
            for kind, ip in (("TUNNEL_LOCAL", "192.0.2.1"), ("TUNNEL_REMOTE", "192.0.2.2"))]
    return family.do("TUNNEL_NEW", u32("TUNNEL_IFINDEX", CG0), u8("TUNNEL_ENCAP", C["ENCAP_NONE"]), *ends,
                     selector("TUNNEL_LOCAL_TS", 10, i), selector("TUNNEL_REMOTE_TS", 11, i))


def add_sa(family, i, tunnel, cert, serial=0):
    return family.do("SA_NEW", u8("SA_DIR", C["DIR_IN"]), be32("SA_SPI", 4096 + i), u32("SA_TUNNEL_ID", tunnel),
                     u32("SA_CERT_ID", cert), u16("SA_ENCR", C["ENCR_AES_GCM_16"]), attr("SA_KEY", digest(i, serial)[:20]))


def ids(family, kind):
    answer = family.dump(kind + "_GET")
    if answer.error:
        raise OSError(answer.error, "dump of %s" % kind)
    return [nl.number(m, kind + "_ID") for m in answer.messages], answer


def churn(tunnel, cert):
    """Objects beyond the first N come and go until we are killed."""
    family, serial = nl.Family(), 0
    while True:
        serial += 1
        made = add_cert(family, N + 1)
        family.do("CERT_DEL", u32("CERT_ID", nl.number(made.messages[0], "CERT_ID")))
        made = add_tunnel(family, N + 1)
        family.do("TUNNEL_DEL", u32("TUNNEL_ID", nl.number(made.messages[0], "TUNNEL_ID")))
        add_sa(family, N + 1, tunnel, cert, serial)
        family.do("SA_DEL", u8("SA_DIR", C["DIR_IN"]), be32("SA_SPI", 4096 + N + 1))


class Account:
    """A group of processes of its own, for what the kernel keeps for us from here on."""

    ROOT = "/sys/fs/cgroup"

    def __init__(self):
        self.path = os.path.join(self.ROOT, "dumps")
        self.write(self.ROOT, "cgroup.subtree_control", "+memory")
        os.mkdir(self.path)
        self.write(self.path, "cgroup.procs", "0")

    @staticmethod
    def write(folder, name, what):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(what)

    def kept(self):
        """Bytes of objects and of counters, one a CPU. Packets and pages of programs are others."""
        with open(os.path.join(self.path, "memory.stat"), encoding="ascii") as file:
            stat = dict(line.split() for line in file)
        return int(stat["slab_unreclaimable"]) + int(stat["percpu"])

    def leave(self):
        self.write(self.ROOT, "cgroup.procs", "0")
        os.rmdir(self.path)


def main():
    t = nl.Ktap(19)
    family = nl.Family(cap_ack=True)
    fixed = {}
    account = Account()
    before = account.kept()
    fixed["CERT"] = [nl.number(add_cert(family, i).messages[0], "CERT_ID") for i in range(N)]
    fixed["TUNNEL"] = [nl.number(add_tunnel(family, i).messages[0], "TUNNEL_ID") for i in range(N)]
    fixed["SA"] = [nl.number(add_sa(family, i, fixed["TUNNEL"][i], fixed["CERT"][i]).messages[0], "SA_ID")
                   for i in range(N)]
    kept = account.kept() - before
    t.result("what was made is on its maker's account", kept > N * 2000, "%d bytes" % kept)
    print("# %d bytes for each binding, tunnel and SA" % (kept // N))
    account.leave()
    for kind, wanted in fixed.items():
        found, answer = ids(family, kind)
        t.result("a dump of %d objects of kind %s is complete" % (N, kind), found == wanted, found)
        t.result("and not interrupted", not answer.interrupted)
    found = family.dump("FINGERPRINT_GET")
    t.result("fingerprints, too", len(found.messages) == 2 * N + 2, len(found.messages))
    small = nl.Family(cap_ack=True, bufsize=8192)
    t.result("and with a small buffer", ids(small, "SA")[0] == fixed["SA"])

    pid = os.fork()
    if not pid:
        churn(fixed["TUNNEL"][0], fixed["CERT"][0])
    time.sleep(0.2)
    interrupted = {kind: 0 for kind in fixed}
    wrong = []
    for _ in range(8):
        for kind, wanted in fixed.items():
            found, answer = ids(small, kind)
            interrupted[kind] += answer.interrupted
            if [i for i in found if i in set(wanted)] != wanted or len(found) != len(set(found)):
                wrong.append("%s: %d told, %d of them once" % (kind, len(found), len(set(found))))
            if not answer.interrupted and len(found) not in (N, N + 1):
                wrong.append("%s: %d and not interrupted" % (kind, len(found)))
    alive = os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    t.result("objects came and went meanwhile", alive)
    t.result("what stayed was told once in every dump", not wrong, "\n".join(wrong[:5]))
    for kind, times in interrupted.items():
        t.result("dumps of kind %s say that they were interrupted" % kind, times > 0, interrupted)

    start = time.monotonic()
    answer = family.do("CERT_REVOKE", attr("CERT_FINGERPRINT", digest("root", "k")))
    took = time.monotonic() - start
    t.result("a revocation above all of them counts them", nl.number(answer.messages[0], "CERT_SA_COUNT") in (N, N + 1)
             and nl.number(answer.messages[0], "CERT_BINDING_COUNT") in (N, N + 1), answer)
    t.result("and is quick", took < 2, "%.3f s" % took)
    time.sleep(0.5)
    states = {nl.number(m, "SA_STATE") for m in family.dump("SA_GET").messages}
    t.result("all SAs are dead", states == {C["SA_DEAD"]}, states)
    start = time.monotonic()
    answer = family.do("FLUSH", u32("FLUSH_WHAT", 0xF))
    left = [kind for kind in fixed if ids(family, kind)[0]]
    t.result("a flush takes all of them", not answer.error and not left, left)
    found = family.dump("FINGERPRINT_GET")
    t.result("only what is revoked stays", [nl.get(m, "FINGERPRINT_HASH") for m in found.messages]
             == [digest("root", "k")])
    t.end()


main()
