# SPDX-License-Identifier: Apache-2.0
"""Run by trains.sh: super-packets and trains made by hand, and what becomes of them.

trains.py super FAMILY CASE        c1 sends a super-packet of TCP; c2 must get the packets that segmentation makes of it
trains.py capture FAMILY FILE N    N packets of two flows go from c1 to g1; what g1 makes of them ends on the router, in FILE
trains.py burst FAMILY CASE        c1 sends datagrams that come to g1 in one interrupt; c2 must get them, in order, or nothing (`dead`)
trains.py train FAMILY FILE WHAT   the router sends those as one train; c2 must get all of the inner packets that WHAT leaves

Nothing is printed but what is wrong. FAMILY (4 or 6) is that of the inner packets. The environment tells OUTER, the outer family.
"""

import ctypes
import fcntl
import os
import pickle
import select
import socket
import struct
import subprocess
import sys
import time

ETH_P_ALL, SIOCGIFHWADDR = 3, 0x8927
SOL_PACKET, PACKET_VNET_HDR = 263, 15
UDP_SEGMENT = 103
NEEDS_CSUM, GSO_TCPV4, GSO_TCPV6, GSO_ECN = 1, 1, 4, 0x80
FIN, PSH, ACK, ECE, CWR = 1, 8, 16, 64, 128
OURS = (7001, 7002, 7003)  # source ports of what we send
HOPS = 2  # that forward an inner packet
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(name):
    with open("/run/netns/" + name, encoding="ascii") as namespace:
        if LIBC.setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def packets_of(name, device, vnet):
    """A packet socket on a device there, and the device's link-layer address."""
    enter(name)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if vnet:
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
    s.bind((device, ETH_P_ALL))
    address = fcntl.ioctl(s, SIOCGIFHWADDR, struct.pack("16s16x", device.encode()))[18:24]
    return s, address


def fold(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data):
    return struct.pack("!H", ~fold(data) & 0xFFFF)


class Ip:
    """An inner packet that can be taken apart and put together again."""

    def __init__(self, data):
        self.v4 = data[0] >> 4 == 4
        if self.v4:
            self.l3 = (data[0] & 15) * 4
            self.proto = data[9]
            data = data[: struct.unpack("!H", data[2:4])[0]]
        else:
            self.l3, self.proto = 40, data[6]
            data = data[: 40 + struct.unpack("!H", data[4:6])[0]]
            while self.proto == 60:  # destination options
                self.proto, n = data[self.l3], (data[self.l3 + 1] + 1) * 8
                self.l3 += n
        self.data = bytearray(data)
        self.l4 = self.l3 + (self.data[self.l3 + 12] >> 4) * 4 if self.proto == 6 else self.l3 + 8

    def pseudo(self):
        addresses = self.data[12:20] if self.v4 else self.data[8:40]
        return bytes(addresses) + struct.pack("!II", len(self.data) - self.l3, self.proto)

    def fix(self, partial=False):
        """Lengths and checksums; partial: that of TCP only as far as senders compute it."""
        if self.v4:
            self.data[2:4] = struct.pack("!H", len(self.data))
            self.data[10:12] = b"\0\0"
            self.data[10:12] = checksum(bytes(self.data[: (self.data[0] & 15) * 4]))
        else:
            self.data[4:6] = struct.pack("!H", len(self.data) - 40)
        at = self.l3 + (16 if self.proto == 6 else 6)
        self.data[at : at + 2] = b"\0\0"
        if partial:
            self.data[at : at + 2] = struct.pack("!H", fold(self.pseudo()))
        else:
            self.data[at : at + 2] = checksum(self.pseudo() + bytes(self.data[self.l3 :]))
            if self.proto == 17 and self.data[at : at + 2] == b"\0\0":
                self.data[at : at + 2] = b"\xff\xff"
        return self

    def port(self):
        return struct.unpack("!H", self.data[self.l3 : self.l3 + 2])[0]

    def hop(self, n):
        self.data[8 if self.v4 else 7] -= n
        return self.fix()

    def segments(self, mss):
        """What segmentation of a TCP super-packet makes of it."""
        head, payload = bytes(self.data[: self.l4]), bytes(self.data[self.l4 :])
        out = []
        for at in range(0, len(payload), mss):
            piece = Ip.__new__(Ip)
            piece.__dict__.update(self.__dict__)
            piece.data = bytearray(head + payload[at : at + mss])
            seq = (struct.unpack("!I", head[self.l3 + 4 : self.l3 + 8])[0] + at) & 0xFFFFFFFF
            piece.data[self.l3 + 4 : self.l3 + 8] = struct.pack("!I", seq)
            if self.v4:
                number = (struct.unpack("!H", head[4:6])[0] + at // mss) & 0xFFFF
                piece.data[4:6] = struct.pack("!H", number)
            if at:
                piece.data[self.l3 + 13] &= ~CWR
            if at + mss < len(payload):
                piece.data[self.l3 + 13] &= ~(FIN | PSH)
            out.append(piece.fix())
        return out


def packet(family, proto=6, size=1000, source=OURS[0], seq=0xFFFFF000, flags=ACK, tcp_options=b"", ip_options=b"", tos=0, number=65530,
           window=777, extension=False):
    """An inner packet from c1 to c2 with `size` bytes of random payload."""
    if family == 4:
        head = struct.pack("!BBHHHBBH", 0x45 + len(ip_options) // 4, tos, 0, number & 0xFFFF, 0x4000, 60, proto, 0)
        head += socket.inet_aton("10.1.0.2") + socket.inet_aton("10.2.0.2") + ip_options
    else:
        head = struct.pack("!IHBB", 6 << 28 | tos << 20 | 0x12345, 0, 60 if extension else proto, 60)
        head += socket.inet_pton(socket.AF_INET6, "fd01::2") + socket.inet_pton(socket.AF_INET6, "fd02::2")
        if extension:
            head += bytes([proto, 0, 1, 4, 0, 0, 0, 0])  # PadN
    if proto == 6:
        head += struct.pack("!HHIIBBHHH", source, 7000, seq & 0xFFFFFFFF, 1, (5 + len(tcp_options) // 4) << 4, flags, window, 0, 0)
        head += tcp_options
    else:
        head += struct.pack("!HHHH", source, 7000, 8 + size, 0)
    data = bytearray(head + os.urandom(size))
    at = 2 if family == 4 else 4
    data[at : at + 2] = struct.pack("!H", len(data) - (0 if family == 4 else 40))
    return Ip(data).fix()


class World:
    """c1, that sends, c2, that listens, and their neighbours."""

    def __init__(self):
        self.receiver, _ = packets_of("c2", "lan", True)
        tap, self.router = packets_of("g1", "lan", False)
        tap.close()
        self.sender, self.mine = packets_of("c1", "lan", True)

    def send(self, ip, mss=0, ecn=False, partial=False):
        ethernet = self.router + self.mine + struct.pack("!H", 0x0800 if ip.v4 else 0x86DD)
        flags = gso = 0
        if mss or partial:
            ip.fix(partial=True)
            flags = NEEDS_CSUM
        if mss:
            gso = (GSO_TCPV4 if ip.v4 else GSO_TCPV6) | (GSO_ECN if ecn else 0)
        header = struct.pack("=BBHHHH", flags, gso, 14 + ip.l4, mss, 14 + ip.l3 if flags else 0,
                             (16 if ip.proto == 6 else 6) if flags else 0)
        self.sender.send(header + ethernet + bytes(ip.data))

    def received(self, count, seconds=3.0):
        """Our packets as they come to c2, merged ones in pieces; (packets, how many skbs they were)."""
        found, frames, end = [], 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and len(found) < count + 1:
            if len(found) == count:
                left = min(left, 0.2)  # for one too many
            if not select.select([self.receiver], [], [], left)[0]:
                break
            data, address = self.receiver.recvfrom(80000)
            if address[2] == socket.PACKET_OUTGOING or address[1] not in (0x0800, 0x86DD):
                continue
            flags, gso, _, mss, _, _ = struct.unpack("=BBHHHH", data[:10])
            ip = Ip(data[24:])
            if ip.proto not in (6, 17) or ip.port() not in OURS:
                continue
            frames += 1
            if gso & 0x7F:
                found += ip.segments(mss)
            else:
                found.append(ip.fix() if flags & NEEDS_CSUM else ip)
        return found, frames


def compare(found, expected):
    if len(found) != len(expected):
        print("%d packets came, not %d" % (len(found), len(expected)))
    for i, (a, b) in enumerate(zip(found, expected)):
        if a.data != b.data:
            print("packet %d differs:\n%s\n%s" % (i, bytes(a.data[:80]).hex(), bytes(b.data[:80]).hex()))
            at = next((at for at in range(min(len(a.data), len(b.data))) if a.data[at] != b.data[at]), None)
            print("lengths %d and %d, first at %s" % (len(a.data), len(b.data), at))
            return False
    return len(found) == len(expected)


TIMESTAMPS = b"\1\1\10\12" + bytes(range(8))
CASES = {
    "plain": ({"size": 20000}, 1200),
    "whole": ({"size": 64000, "tcp_options": TIMESTAMPS}, 1288),
    "odd": ({"size": 10 * 1201 + 1, "tcp_options": TIMESTAMPS}, 1201),
    "last": ({"size": 9000, "flags": ACK | PSH | FIN}, 1000),
    "small": ({"size": 12001}, 100),
    "ecn": ({"size": 9000, "flags": ACK | CWR | ECE, "tos": 2}, 1000),
    "congested": ({"size": 9000, "tos": 3}, 1000),
    "options": ({"size": 9000, "tcp_options": TIMESTAMPS * 3 + b"\1\1\1\1"}, 999),
    "extended": ({"size": 9000, "ip_options": b"\1" * 8, "extension": True}, 1000),
}


def super_packet(family, case):
    keywords, mss = CASES[case]
    if family == 4:
        keywords.pop("extension", None)
    else:
        keywords.pop("ip_options", None)
    tap, _ = packets_of("r", "w1", False)
    inside, _ = packets_of("g1", "lan", False)
    world = World()
    ip = packet(family, **keywords)
    expected = [p.hop(HOPS) for p in ip.segments(mss)]
    world.send(ip, mss, ecn=bool(keywords.get("flags", 0) & CWR))
    found, frames = world.received(len(expected))
    same = compare(found, expected)
    if case not in ("small", "extended") and frames > (len(expected) + 16) // 17 + 1:
        print("%d packets came in %d pieces, not merged" % (len(expected), frames))
        same = False
    if [frame[14:] for frame in seen(inside)].count(bytes(ip.data)) != 1:
        print("a tap where it came in did not see the super-packet as it was sent")
        same = False
    return sane(tap, len(expected), len(expected[0].data), case != "extended") and same


def seen(tap):
    """The frames that came to a tap, which share memory with those that went on until they are read."""
    tap.setblocking(False)
    while True:
        try:
            frame, address = tap.recvfrom(80000)
        except BlockingIOError:
            return
        if address[2] != socket.PACKET_OUTGOING:
            yield frame


def esp_in(frame):
    """(offset of the ESP header, end) of ESP in UDP in a frame, or None."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 17:
        udp, end = 14 + (frame[14] & 15) * 4, 14 + struct.unpack("!H", frame[16:18])[0]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == 17:
        udp, end = 54, 54 + struct.unpack("!H", frame[18:20])[0]
    else:
        return None
    if struct.unpack("!HH", frame[udp : udp + 4]) != (4500, 4500) or len(frame) < end:
        return None
    if struct.unpack("!H", frame[udp + 4 : udp + 6])[0] != end - udp:
        print("a tap saw an UDP length of %d in %d bytes" % (struct.unpack("!H", frame[udp + 4 : udp + 6])[0], end - udp))
        return None
    return udp + 8, end


def sane(tap, count, inner, trains):
    """What the router saw of it: trains or not, ESP packets that lie one behind the other and are numbered on."""
    size = 16 + (inner + 2 + 3) // 4 * 4 + 16
    numbers, spis, long = [], set(), 0
    for frame in seen(tap):
        at = esp_in(frame)
        if not at:
            continue
        long += at[1] - at[0] > size
        for esp in range(at[0], at[1], size):
            spi, number = struct.unpack("!II", frame[esp : esp + 8])
            spis.add(spi)
            numbers.append(number)
    if len(spis) != 1 or numbers != list(range(numbers[0] if numbers else 0, (numbers[0] if numbers else 0) + count)):
        print("a tap on the outer network saw SPIs %s, sequence numbers %s" % (spis, numbers))
        return False
    if trains and not long:
        print("there was no train on the outer network")
    return bool(long) or not trains


def capture(family, file, count):
    """Packets of one size, of two TCP flows by turns of three, one of them with other options in between, and of UDP."""
    tap, _ = packets_of("r", "w1", False)
    world = World()
    sent, frames = [], []
    seq = {OURS[0]: 1000, OURS[1]: 0xFFFFFF00}
    for i in range(count):
        port = OURS[i // 3 % 2]
        if i % 7 == 6:
            ip = packet(family, proto=17, size=1224, source=port, number=i)
        else:
            options = TIMESTAMPS if i % 5 else TIMESTAMPS[:-1] + b"\xff"
            ip = packet(family, size=1200, source=port, seq=seq[port], tcp_options=options, number=i)
            seq[port] += 1200
        sent.append(bytes(ip.data))
        world.send(ip, partial=i % 2 == 0)
    end = time.monotonic() + 3
    while len(frames) < count and (left := end - time.monotonic()) > 0 and select.select([tap], [], [], left)[0]:
        frame, address = tap.recvfrom(80000)
        at = esp_in(frame)
        if at and address[2] != socket.PACKET_OUTGOING:
            frames.append(frame[at[0] : at[1]])
    if len(frames) != count:
        print("g1 sealed %d packets, not %d" % (len(frames), count))
        return False
    old = []
    if os.path.exists(file):
        with open(file, "rb") as f:
            old = pickle.load(f)
    with open(file, "wb") as f:
        pickle.dump(old + list(zip(sent, frames)), f)
    return True


def send_train(packets, size):
    """One UDP super-packet from the router, in g1's name."""
    enter("r")
    if os.environ["OUTER"] == "4":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT
        s.bind(("192.0.2.2", 4500))
        to = ("198.51.100.2", 4500)
    else:
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT
        s.bind(("2001:db8:1::2", 4500))
        to = ("2001:db8:2::2", 4500)
    s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
    s.sendto(b"".join(packets), to)
    s.close()


def train(family, file, what):
    with open(file, "rb") as f:
        sent, frames = zip(*pickle.load(f))
    sent, frames = list(sent), list(frames)
    size = len(frames[0])
    if any(len(frame) != size for frame in frames):
        print("the packets have different sizes")
        return False
    if what == "flipped":
        bad = bytearray(frames[4])
        bad[100] ^= 1
        frames[4] = bytes(bad)
        del sent[4]
    elif what == "twice":
        frames[5] = frames[4]
        del sent[5]
    elif what == "short":
        frames[-1] = frames[-1][:-8]
        sent.pop()
    elif what == "marked":  # one of them is IKE
        frames[3] = b"\0\0\0\0" + frames[3][4:]
        del sent[3]
    elif what == "mixed":  # of two SAs, by turns
        half = len(frames) // 2
        order = [i // 2 + i % 2 * half for i in range(2 * half)]
        frames, sent = [frames[i] for i in order], [sent[i] for i in order]
    elif what == "nothing":
        sent = []
    elif what != "all":
        sys.exit("unknown")
    tap, _ = packets_of("g2", "wan", False)
    world = World()
    expected = [Ip(data).hop(HOPS) for data in sent]
    send_train(frames, size)
    found, _ = world.received(len(expected), 3 if expected else 0.5)
    sealed = b"".join(frame[at[0] : at[1]] for frame in seen(tap) if (at := esp_in(frame)))
    if sealed != b"".join(frames):
        print("a tap of the outer network did not see the train as it was sent")
        return False
    # of different flows, one may be held back until more of it comes
    flows = {(p.proto, p.port()) for p in expected + found}
    return all([compare(*([p for p in packets if (p.proto, p.port()) == flow] for packets in (found, expected))) for flow in flows])


# sizes of the payload, how many flows have four each by turns, and how often all that
BURSTS = {
    "alike": ([1000], 1, 40),
    "mixed": ([1000, 1000, 1000, 600, 600, 1, 1300, 1000, 1301, 1302, 1302], 3, 5),
    "dead": ([1000], 1, 40),
    # the first goes alone, a train of two uses half a page, and the next one is as long as can be
    "half": ([1366, 1366, 172] + [1366] * 40, 1, 1),
}


def burst_at_once(family, payloads):
    """One super-packet that is cut when it leaves c1: its pieces are on the link before anybody looks."""
    enter("c1")
    s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(("", OURS[0]))
    s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, len(payloads[0]))
    s.sendto(b"".join(payloads), ("10.2.0.2" if family == 4 else "fd02::2", 7000))


def burst_held_up(flows, payloads):
    """Datagrams wait for the link-layer address of g1, which answers late, and go out when it has."""
    _, mine = packets_of("c1", "lan", False)
    # g1 must not ask whether c1 is still there, which would tell c1 where g1 is before it may know.
    known = ["10.1.0.2", "lladdr", mine.hex(":"), "dev", "lan", "nud", "permanent"]
    subprocess.run(["ip", "-n", "g1", "neigh", "replace"] + known, check=True)
    subprocess.run(["ip", "-n", "c1", "neigh", "flush", "dev", "lan"], check=True)

    def g1_answers(yes):
        enter("g1")
        with open("/proc/sys/net/ipv4/conf/lan/arp_ignore", "w", encoding="ascii") as f:
            f.write("0" if yes else "8")

    g1_answers(False)
    enter("c1")
    sockets = []
    for i in range(flows):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("", OURS[i]))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2 * (i == 1))  # ECT(0), which the outer header takes over
        sockets.append(s)
    for i, payload in enumerate(payloads):
        sockets[i // 4 % flows].sendto(payload, ("10.2.0.2", 7000))
    g1_answers(True)


def in_order(tap, family, payloads):
    """What the router saw: all that was sealed, in the order in which it was sent, and some of it in trains."""
    number, skbs, k = None, 0, 0
    for frame in seen(tap):
        at = esp_in(frame)
        if not at:
            continue
        skbs += 1
        esp = at[0]
        while esp < at[1] and k < len(payloads):
            inner = len(payloads[k]) + (28 if family == 4 else 48)
            spi_number = struct.unpack("!II", frame[esp : esp + 8])
            if number not in (None, (spi_number[0], spi_number[1] - 1)):
                print("packet %d has SPI and number %s, after %s" % (k, spi_number, number))
                return False
            number = spi_number
            esp += 16 + (inner + 2 + 3) // 4 * 4 + 16
            k += 1
        if esp != at[1]:
            print("packet %d does not end where its skb ends" % k)
            return False
    if k != len(payloads) or skbs > len(payloads) * 3 // 4:
        print("the router saw %d packets of %d in %d skbs" % (k, len(payloads), skbs))
        return False
    return True


def burst(family, case):
    sizes, flows, times = BURSTS[case]
    payloads = [struct.pack("!B", i) + os.urandom(size - 1) for i, size in enumerate(sizes * times)]
    if case == "alike":
        payloads[-1] = payloads[-1][:77]
    tap, _ = packets_of("r", "w1", False)
    world = World()
    if len(sizes) == 1:
        burst_at_once(family, payloads)
    else:
        burst_held_up(flows, payloads)
    expected = [] if case == "dead" else payloads
    found, _ = world.received(len(expected), 5.0 if expected else 0.5)
    for i in range(flows):
        mine = [bytes(p.data[p.l4 :]) for p in found if p.port() == OURS[i]]
        sent = [payload for k, payload in enumerate(expected) if k // 4 % flows == i]
        if mine != sent:
            print("flow %d: %d datagrams came, not %d, or not as they were sent" % (i, len(mine), len(sent)))
            return False
    for p in found:
        if Ip(bytes(p.data)).fix().data != p.data:
            print("a checksum is wrong")
            return False
    if not expected:
        return not [frame for frame in seen(tap) if esp_in(frame)]
    return in_order(tap, family, payloads)


def main():
    _, command, family, *words = sys.argv
    family = int(family)
    if command == "super":
        ok = super_packet(family, *words)
    elif command == "burst":
        ok = burst(family, *words)
    elif command == "capture":
        ok = capture(family, words[0], int(words[1]))
    else:
        ok = train(family, *words)
    sys.exit(not ok)


main()
