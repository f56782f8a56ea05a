# SPDX-License-Identifier: Apache-2.0
"""Run by sockets.sh in a namespace with lo up: which sockets the module takes, and what it does to them."""

import errno
import os
import signal
import socket
import subprocess
import struct
import sys
import time

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402
from nl import C, u32  # noqa: E402

UDP_ENCAP = 100
SOL_UDP = 17
IKE = bytes(4) + b"IKE"
ESP = struct.pack("!II", 0x7FFFFFFF, 1) + bytes(64)

t = nl.Ktap(34)
family = nl.Family()


def udp(address=None, port=0, reuse=False, only6=None):
    s = socket.socket(socket.AF_INET6 if address and ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only6 is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only6)
    if address:
        s.bind((address, port))
    s.settimeout(0.3)
    return s


def new(s):
    answer = family.do("SOCKET_NEW", u32("SOCKET_FD", s if isinstance(s, int) else s.fileno()))
    if not answer.error:
        answer.id = nl.number(answer.messages[0], "SOCKET_ID")
    return answer


def refused(what, s, error, words):
    answer = new(s)
    t.result(what, answer.error == error and words in (answer.message or ""), answer)


def heard(s, how, port, to="127.0.0.1"):
    """What of an IKE datagram, a keepalive and ESP sent to the port the socket's owner reads."""
    sender = udp(to if to in ("127.0.0.1", "::1") else None)
    for data in how:
        sender.sendto(data, (to, port))
    got = []
    try:
        while True:
            got.append(s.recv(1000))
    except TimeoutError:
        return got


tcp = socket.socket()
tcp.bind(("127.0.0.1", 0))
refused("a TCP socket is refused", tcp, errno.EPROTONOSUPPORT, "not a UDP socket")
refused("a socket of AF_UNIX is refused", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), errno.EPROTONOSUPPORT, "not a UDP")
refused("a raw socket of protocol UDP is refused", socket.socket(socket.AF_INET, socket.SOCK_RAW, 17), errno.EPROTONOSUPPORT,
        "not a UDP")
refused("UDP-Lite is refused", socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136), errno.EPROTONOSUPPORT, "not a UDP")
refused("a socket that is not bound is refused", udp(), errno.EDESTADDRREQ, "not bound")
connected = udp("127.0.0.1", 4600)
connected.connect(("127.0.0.1", 4601))
refused("a connected socket is refused", connected, errno.EISCONN, "connected")
busy = udp("127.0.0.1", 4602)
busy.setsockopt(SOL_UDP, UDP_ENCAP, 2)
refused("a socket of the kernel's own IPsec is refused", busy, errno.EBUSY, "encapsulation")
with open("/dev/null", "rb") as null:
    answer = new(null.fileno())
    t.result("a file that is no socket is refused", answer.error == errno.ENOTSOCK, answer)

abroad = udp("127.0.0.1", 4603)
child = os.fork()
if not child:
    # CLONE_NEWNET by way of unshare(1) would lose the socket's number: ctypes it is
    import ctypes
    ctypes.CDLL(None).unshare(0x40000000)
    answer = nl.Family().do("SOCKET_NEW", u32("SOCKET_FD", abroad.fileno()))
    os._exit(answer.error == errno.EXDEV and "namespace" in answer.message)
t.result("a socket of another namespace is refused", os.waitpid(child, 0)[1] == 0x100)

s = udp("127.0.0.1", 4500)
first = new(s)
t.result("a UDP socket is taken", not first.error, first)
again = new(s)
t.result("and once more, with the same number", not again.error and again.id == first.id, again)
got = heard(s, [b"\xff", ESP, IKE, bytes([0, 0, 0]), b"", ESP[:4], b"\xff\xff"], 4500)
t.result("IKE reaches its owner and nothing else does", got == [IKE], got)
stats = dict(nl.parse(nl.get(family.do("SOCKET_GET", u32("SOCKET_ID", first.id)).messages[0], "SOCKET_STATS")))
lost = {name: int.from_bytes(stats[C["A_STATS_DROP_" + name]], "little") for name in ("MALFORMED", "NO_SA", "QUEUE")}
t.result("what is neither IKE nor ESP of an SA is counted", lost == {"MALFORMED": 3, "NO_SA": 2, "QUEUE": 0}, lost)
answer = family.do("SOCKET_DEL", u32("SOCKET_ID", first.id))
got = heard(s, [b"\xff", ESP, IKE], 4500)
t.result("given back, it is a socket as others", not answer.error and got == [b"\xff", ESP, IKE], (answer, got))
t.result("and its number is gone", family.do("SOCKET_DEL", u32("SOCKET_ID", first.id)).error == errno.ENOENT)
answer = new(s)
t.result("it can be taken once more, under another number", not answer.error and answer.id != first.id, answer)

dual = udp("::", 4700, only6=0)
answer = new(dual)
t.result("a socket for both families is taken", not answer.error, answer)
got = heard(dual, [ESP, IKE], 4700) + heard(dual, [ESP, IKE], 4700, "::1")
t.result("IKE over both reaches its owner", got == [IKE, IKE], got)

# who holds the socket can change it behind our back
listener = nl.Family()
listener.join()
changed = udp("127.0.0.1", 4800)
lost = new(changed)
changed.setsockopt(SOL_UDP, UDP_ENCAP, 0)


def lost_events():
    """Numbers of sockets lost."""
    try:
        while True:
            raw = listener.sock.recv(65536)
            if nl.number(raw[20:], "EVENT_KIND") == C["EVENT_SOCKET_LOST"]:
                return nl.number(raw[20:], "EVENT_SOCKET_ID")
    except TimeoutError:
        return None


listener.sock.settimeout(4)
t.result("a changed handler is an event", lost_events() == lost.id)
t.result("and the socket without tunnels is forgotten", family.do("SOCKET_GET", u32("SOCKET_ID", lost.id)).error == errno.ENOENT)
got = heard(changed, [IKE], 4800)
t.result("the socket itself goes on", got == [IKE], got)
answer = new(changed)
t.result("but stays one with a handler of its own", answer.error == errno.EBUSY, answer)
changed2 = udp("127.0.0.1", 4801)
lost = new(changed2)
changed2.setsockopt(SOL_UDP, UDP_ENCAP, 2)
changed2.close()
t.result("a socket that was changed and closed is noticed", lost_events() == lost.id)
closed = udp("127.0.0.1", 4802)
lost = new(closed)
closed.close()
begin = time.monotonic()
t.result("a socket that was closed is noticed at once", lost_events() == lost.id and time.monotonic() - begin < 0.9)
after = udp("127.0.0.1", 4802)
answer = new(after)
t.result("its address is free", not answer.error, answer)
answer = family.dump("SOCKET_GET")
t.result("all sockets are listed", len(answer.messages) == 3, answer.messages)

# so many in a namespace, and no more
many = [udp("127.0.0.1", 5000 + n) for n in range(254)]
answers = [new(s) for s in many]
t.result("253 more are taken", not any(answer.error for answer in answers[:253]), answers[:253])
t.result("the 257th is not", answers[253].error == errno.ENOSPC and len(family.dump("SOCKET_GET").messages) == 256, answers[253])
answer = family.do("SOCKET_DEL", u32("SOCKET_ID", answers[0].id))
t.result("one that is given back makes room", not answer.error and not new(many[253]).error, answer)


def keep(s):
    """A process that has the socket's lock, in the midst of a datagram for which the buffer has no room."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    s.setblocking(False)
    try:
        while True:
            s.sendto(bytes(1000), ("192.0.2.2", 9))
    except BlockingIOError:
        pass
    ready, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, b"x")
        s.setblocking(True)
        s.sendto(bytes(1000), socket.MSG_MORE, ("192.0.2.2", 9))
        os._exit(0)
    os.read(ready, 1)
    for _ in range(500):
        with open("/proc/%d/stat" % child, encoding="ascii") as f:
            if f.read().split()[2] == "S":
                return child
        time.sleep(0.01)
    sys.exit("nobody waits")


def in_time(what, good, *request):
    begin = time.monotonic()
    answer = family.do(*request)
    took = time.monotonic() - begin
    t.result(what, good(answer) and took < 3, "%s, after %.1f s" % (answer, took))


# The users of three sockets have their locks, as neighbour 192.0.2.2 says nothing. Nobody waits for them.
family.do("SOCKET_DEL", u32("SOCKET_ID", answers[1].id))
family.do("SOCKET_DEL", u32("SOCKET_ID", answers[2].id))
given_back, flushed, refused_one = (udp("192.0.2.1", port) for port in (4501, 4502, 4503))
given_id = new(given_back).id
new(flushed)
keepers = [keep(s) for s in (given_back, flushed, refused_one)]
in_time("a socket whose lock its user keeps is not taken, and soon", lambda a: a.error == errno.EBUSY and "lock" in a.message,
        "SOCKET_NEW", u32("SOCKET_FD", refused_one.fileno()))
in_time("one that was taken is, again", lambda a: not a.error, "SOCKET_NEW", u32("SOCKET_FD", given_back.fileno()))
in_time("and is given back at once", lambda a: not a.error, "SOCKET_DEL", u32("SOCKET_ID", given_id))
in_time("with all others, too", lambda a: not a.error and not family.dump("SOCKET_GET").messages, "FLUSH",
        u32("FLUSH_WHAT", C["FLUSH_SOCKETS"]))
subprocess.run(["ip", "link", "set", "v1", "down"], check=True)
for keeper in keepers:
    os.kill(keeper, signal.SIGKILL)
    os.waitpid(keeper, 0)
answers = [new(s) for s in (given_back, flushed, refused_one)]
t.result("all can be taken when they are free", not any(answer.error for answer in answers), answers)
t.end()
