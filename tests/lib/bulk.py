#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bulk data that is checked at the other end.

tcp-serve PORT                     takes connections, answers each with the SHA-256 of what came
tcp-send ADDRESS PORT MIB [bind]   sends random data in large writes, compares the answer; prints MiB/s
udp-serve PORT                     counts numbered datagrams; answers "count\n" with how many different and intact ones came
udp-send ADDRESS PORT COUNT SIZE [segment]   numbered datagrams with a checksum; with segment, 20 a call (UDP_SEGMENT)
"""

import errno
import hashlib
import os
import socket
import struct
import sys
import threading
import time
import zlib

UDP_SEGMENT = 103
SO_RCVBUFFORCE = 33


def answer(s):
    h = hashlib.sha256()
    while data := s.recv(1 << 20):
        h.update(data)
    s.sendall(h.digest())
    s.close()


def tcp_serve(port):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", int(port)))
    s.listen(32)
    print("listening", file=sys.stderr, flush=True)
    while True:
        threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()


def tcp_send(address, port, mib, bind=None):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(60)
    if bind:
        s.bind((bind, 0))
    s.connect((address, int(port)))
    h = hashlib.sha256()
    begin = time.monotonic()
    for _ in range(int(mib)):
        data = os.urandom(1 << 20)
        h.update(data)
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    got = b""
    while len(got) < 32 and (d := s.recv(32)):
        got += d
    if got != h.digest():
        sys.exit("the data arrived changed")
    print(f"{int(mib) / (time.monotonic() - begin):.1f} MiB/s")


def udp_serve(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind(("::", int(port)))
    print("listening", file=sys.stderr, flush=True)
    seen, twice, bad, last, behind = set(), 0, 0, -1, 0
    while True:
        data, source = s.recvfrom(65535)
        if data == b"count\n":
            try:
                s.sendto(f"{len(seen)} {twice} {bad} {behind}".encode(), source)
            except OSError:  # memory may be short: whoever asked asks again
                continue
            seen, twice, bad, last, behind = set(), 0, 0, -1, 0
            continue
        n, crc = struct.unpack("!II", data[:8])
        if zlib.crc32(data[8:]) != crc:
            bad += 1
        elif n in seen:
            twice += 1
        else:
            seen.add(n)
            behind += n < last
            last = max(n, last)


def udp_send(address, port, count, size, segment=None):
    os.sched_setaffinity(0, {0})  # a sender that changes CPUs overtakes itself on any path
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, int(port)))
    size, group = int(size), 20 if segment else 1
    if segment:
        s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
    n = 0
    while n < int(count):
        data = b""
        for _ in range(group):
            body = os.urandom(size - 8)
            data += struct.pack("!II", n, zlib.crc32(body)) + body
            n += 1
        try:
            s.send(data)
        except OSError as error:
            # the sender's own memory may be short: then these are lost as well
            if error.errno not in (errno.ENOBUFS, errno.ENOMEM):
                raise
        if n % 100 == 0:
            time.sleep(0.01)
    s.settimeout(1)
    for _ in range(10):
        try:
            time.sleep(0.2)
            s.send(b"count\n")
            print(s.recv(100).decode())
            return
        except TimeoutError:
            pass
    sys.exit("no answer")


COMMANDS = {"tcp-serve": tcp_serve, "tcp-send": tcp_send, "udp-serve": udp_serve, "udp-send": udp_send}

if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
    sys.exit(__doc__)
try:
    COMMANDS[sys.argv[1]](*sys.argv[2:])
except KeyboardInterrupt:
    pass
