#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets seen and made by hand, for the tests of the module's data path.

sniff DEV SECONDS [COUNT]         outgoing IP packets of DEV, one line of JSON each
record DEV FILE SECONDS [COUNT]   outgoing ESP (raw or in UDP) of DEV, whole frames, into FILE, which is there once all COUNT are
inject DEV FILE [CHANGE...]       those frames once more; prints how many. CHANGEs, in order: reverse, first=N (only
                                  the first N), times=N (all of them N times), flip=OFFSET (a bit of that byte of the ESP packet; negative: from its
                                  end), cut=N (N bytes of the end), grow=N (N bytes more), spi=HEX, seq=N, source=ADDRESS (IPv4),
                                  to=ADDRESS (Ethernet)
each DEV FILE SEQ CHANGE...       the first frame once for each CHANGE, numbered from SEQ
serve PORT                        UDP on [::]:PORT; for each datagram a line of JSON: its length, traffic class, source
send ADDRESS PORT [tos=N,...] [size=N] [count=N] [bind=ADDRESS]   datagrams; those of each further N are a byte longer
too-big DEV FILE MTU to=ADDRESS [spi=HEX]   an ICMP error of a router about the first recorded frame, through DEV to that neighbour
ike FROM PORT TO PORT             an IKE datagram (with the non-ESP marker), a keepalive and some ESP for nobody
"""

import json
import os
import pickle
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Frame:
    """An Ethernet frame with IPv4 or IPv6 in it."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.type = struct.unpack("!H", data[12:14])[0]
        ip = self.data[14:]
        self.v4 = self.type == 0x0800
        self.ok = self.v4 or self.type == 0x86DD
        if not self.ok:
            return
        if self.v4:
            self.tos, self.len = ip[1], struct.unpack("!H", ip[2:4])[0]
            self.id, frag = struct.unpack("!HH", ip[4:8])
            self.df, self.frag = bool(frag & 0x4000), bool(frag & 0x3FFF)
            self.later = bool(frag & 0x1FFF)
            self.ttl, self.proto = ip[8], ip[9]
            self.src, self.dst = (socket.inet_ntop(socket.AF_INET, bytes(ip[o : o + 4])) for o in (12, 16))
            self.l4 = 14 + (ip[0] & 15) * 4
        else:
            self.tos = (ip[0] << 4 | ip[1] >> 4) & 0xFF
            self.len = struct.unpack("!H", ip[4:6])[0] + 40
            self.id, self.df, self.ttl, self.proto = 0, True, ip[7], ip[6]
            self.frag = self.later = False
            self.src, self.dst = (socket.inet_ntop(socket.AF_INET6, bytes(ip[o : o + 16])) for o in (8, 24))
            self.l4 = 54
            if self.proto == 44:
                self.frag, self.df = True, False
                self.later = bool(struct.unpack("!H", ip[42:44])[0] & 0xFFF8)
                self.proto = ip[40]
                self.l4 += 8
        self.end = 14 + self.len
        self.esp = None
        if self.proto == 50 and not self.later:
            self.esp = self.l4
        elif self.proto == 17 and not self.later:
            self.sport, self.dport = struct.unpack("!HH", self.data[self.l4 : self.l4 + 4])
            if 4500 in (self.sport, self.dport) and self.data[self.l4 + 8 : self.l4 + 12] != b"\0\0\0\0":
                self.esp = self.l4 + 8

    def line(self):
        o = {k: getattr(self, k) for k in ("src", "dst", "tos", "ttl", "proto", "len", "df", "frag", "id")}
        if self.proto == 17 and not self.later:
            o["sport"], o["dport"] = self.sport, self.dport
            o["udp_checksum"] = struct.unpack("!H", self.data[self.l4 + 6 : self.l4 + 8])[0]
        if self.esp:
            o["spi"] = self.data[self.esp : self.esp + 4].hex()
            o["seq"] = struct.unpack("!I", self.data[self.esp + 4 : self.esp + 8])[0]
        return json.dumps(o)

    def resize(self, n):
        """Give the packet N bytes more or fewer, with lengths and checksums that fit."""
        del self.data[self.end :]
        if n > 0:
            self.data += bytes(n)
        elif n:
            del self.data[n:]
        self.end += n
        self.len += n
        if self.v4:
            self.data[16:18] = struct.pack("!H", self.len)
        else:
            self.data[18:20] = struct.pack("!H", self.len - 40)
        if self.proto == 17:
            self.data[self.l4 + 4 : self.l4 + 6] = struct.pack("!H", self.end - self.l4)
        self.fix()

    def fix(self):
        if self.v4:
            self.data[24:26] = b"\0\0"
            self.data[24:26] = struct.pack("!H", checksum(bytes(self.data[14 : self.l4])))


def outgoing(dev, seconds, count, wanted):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((dev, ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    print("listening", file=sys.stderr, flush=True)
    end = time.monotonic() + seconds
    while count:
        left = end - time.monotonic()
        if left <= 0 or not select.select([s], [], [], left)[0]:
            return
        data, address = s.recvfrom(70000)
        if address[2] != socket.PACKET_OUTGOING or len(data) < 34:
            continue
        frame = Frame(data)
        if frame.ok and wanted(frame):
            count -= 1
            yield frame


def sniff(dev, seconds, count="-1"):
    # Not what a host says of itself: ICMPv6, MLD (behind hop-by-hop options) and IGMP come when they like.
    for frame in outgoing(dev, float(seconds), int(count), lambda f: f.proto not in (0, 2, 58)):
        print(frame.line(), flush=True)


def record(dev, file, seconds, count="-1"):
    frames = []
    for frame in outgoing(dev, float(seconds), int(count), lambda f: f.esp):
        frames.append(bytes(frame.data))
        if len(frames) < int(count):
            continue
        with open(file + ".new", "wb") as f:
            pickle.dump(frames, f)
        os.rename(file + ".new", file)


def load(file):
    with open(file, "rb") as f:
        return [Frame(d) for d in pickle.load(f)]


def change(frame, what):
    """One change of a frame, "name=value"."""
    name, _, value = what.partition("=")
    if name == "flip":
        n = int(value)
        frame.data[(frame.esp if n >= 0 else frame.end) + n] ^= 0x10
    elif name == "cut":
        frame.resize(-int(value))
    elif name == "grow":
        frame.resize(int(value))
    elif name == "spi":
        frame.data[frame.esp : frame.esp + 4] = bytes.fromhex(value)
    elif name == "seq":
        frame.data[frame.esp + 4 : frame.esp + 8] = struct.pack("!I", int(value))
    elif name == "to":
        frame.data[0:6] = bytes.fromhex(value.replace(":", ""))
    elif name == "source":
        frame.data[26:30] = socket.inet_aton(value)
        frame.fix()
    else:
        sys.exit(f"probe: what is {what}?")


def put(dev, frames):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((dev, 0))
    for f in frames:
        s.send(f.data)
    print(len(frames))


def inject(dev, file, *changes):
    frames = load(file)
    for what in changes:
        if what == "reverse":
            frames.reverse()
        elif what.startswith("first="):
            frames = frames[: int(what.partition("=")[2])]
        elif what.startswith("times="):
            frames = frames * int(what.partition("=")[2])
        else:
            for f in frames:
                change(f, what)
    put(dev, frames)


def each(dev, file, seq, *changes):
    frames = []
    for number, what in enumerate(changes, int(seq)):
        frames.append(load(file)[0])
        change(frames[-1], f"seq={number}")
        change(frames[-1], what)
    put(dev, frames)


def serve(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    s.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
    s.bind(("::", int(port)))
    print("listening", file=sys.stderr, flush=True)
    while True:
        data, control, _, source = s.recvmsg(65535, 256)
        tos = [struct.unpack("i", c[2] + b"\0\0\0")[0] if len(c[2]) == 1 else struct.unpack("i", c[2])[0] for c in control]
        print(json.dumps({"len": len(data), "tos": tos[0] if tos else None, "from": source[0], "port": source[1]}), flush=True)


def send(address, port, *options):
    o = dict(x.split("=") for x in options)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    if "bind" in o:
        s.bind((o["bind"], 0))
    for more, tos in enumerate(map(int, o.get("tos", "0").split(","))):
        if family == socket.AF_INET:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        else:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        for _ in range(int(o.get("count", "1"))):
            s.sendto(bytes(int(o.get("size", "32")) + more), (address, int(port)))


def too_big(dev, file, mtu, *changes):
    frame = load(file)[0]
    for what in changes:
        change(frame, what)
    quoted = bytes(frame.data[14 : frame.esp + 8])
    if frame.v4:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, int(mtu)) + quoted
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0)
        ip += socket.inet_aton(frame.dst) + socket.inet_aton(frame.src)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    else:
        body = struct.pack("!BBHI", 2, 0, 0, int(mtu)) + quoted
        ends = socket.inet_pton(socket.AF_INET6, frame.dst) + socket.inet_pton(socket.AF_INET6, frame.src)
        total = checksum(ends + struct.pack("!II", len(body), 58) + body)
        body = body[:2] + struct.pack("!H", total) + body[4:]
        ip = struct.pack("!IHBB", 0x60000000, len(body), 58, 64) + ends
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((dev, 0))
    s.send(bytes(frame.data[:6]) + s.getsockname()[4] + struct.pack("!H", frame.type) + ip + body)


def ike(source, sport, to, port):
    s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, int(sport)))
    s.sendto(b"\xff", (to, int(port)))
    s.sendto(struct.pack("!II", 0x7FFFFFFF, 1) + bytes(64), (to, int(port)))
    s.sendto(bytes(4) + b"this is IKE", (to, int(port)))


COMMANDS = {
    "sniff": sniff,
    "record": record,
    "inject": inject,
    "each": each,
    "serve": serve,
    "send": send,
    "too-big": too_big,
    "ike": ike,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        pass
