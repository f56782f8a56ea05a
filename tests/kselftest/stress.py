# SPDX-License-Identifier: Apache-2.0
"""Run by load() of later.sh: numbered datagrams without an end, and whether they come in order, once, and as they were sent.

stress.py send ADDRESS PORT CPU   as many as the machine makes, of small, middle and large size
stress.py receive PORT FILE       FILE says how many came, and how many of those were behind another, twice there or changed; SIGHUP: from then on
"""

import os
import signal
import socket
import struct
import sys
import time

SIZES = (64, 600, 1440)
BURST = 32
SO_RCVBUFFORCE = 33


def datagram(number):
    return struct.pack("!I", number) * (SIZES[number % len(SIZES)] // 4)


def send(address, port, cpu):
    os.sched_setaffinity(0, {int(cpu)})  # a sender that changes CPUs overtakes itself on any path
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, int(port)))
    number = 0
    while True:
        try:
            s.send(datagram(number))
            number += 1
        except OSError:  # there is no way at present: then it was not sent
            time.sleep(0.01)
        if number % BURST == 0:
            time.sleep(0.001)  # the others have to get on as well


def receive(port, path):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind(("", int(port)))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    seen, wrong, last, written = 0, 0, -1, 0.0
    anew = []
    signal.signal(signal.SIGHUP, lambda *_: anew.append(1))
    os.pwrite(file, b"%12d %12d\n" % (0, 0), 0)
    while True:
        data = s.recv(65535)
        if anew:
            anew.clear()
            seen, wrong, last, written = 0, 0, -1, 0.0
            print("anew", flush=True)
        number = struct.unpack("!I", data[:4])[0]
        if number <= last or data != datagram(number):
            wrong += 1
            print("%d after %d, %d bytes" % (number, last, len(data)), flush=True)
        seen += 1
        last = max(last, number)
        if time.monotonic() - written > 0.05:
            written = time.monotonic()
            os.pwrite(file, b"%12d %12d\n" % (seen, wrong), 0)


{"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
