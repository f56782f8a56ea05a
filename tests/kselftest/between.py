# SPDX-License-Identifier: Apache-2.0
"""Run by between.sh: users of port 4500 of an address, who say what they did in a file.

between.py held ADDRESS FILE        a socket that is handed over, and nobody else may share; beside it one of another process that
                                    hears lo alone: while that is there, no other can be bound to the address. Told so by SIGUSR1
                                    its user sets UDP_ENCAP to 0
between.py sharing ADDRESS FILE     one that others may share, handed over, with UDP_ENCAP set to 0 when told so
between.py several ADDRESS FILE     one of no device and one of the VRF red, both handed over, and nobody else may share; the second
                                    is closed when told so
between.py dual ADDRESS FILE        bound beside what stands in for another, as a daemon's, hears IPv4 as well and is handed over
between.py next ADDRESS FILE        bound beside what stands in for it, as a daemon's, and handed over when told so by SIGUSR1
between.py stranger ADDRESS FILE    another user's, for sharing
between.py forged ADDRESS SOURCE SPI right|wrong
                                    an ESP packet that the SA with this SPI will not find authentic, and its UDP checksum
"""

import os
import signal
import socket
import struct
import sys

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402

UDP_ENCAP = 100

what, address, path = sys.argv[1:4]


def udp():
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def reuse(s, on, option=socket.SO_REUSEADDR):
    s.setsockopt(socket.SOL_SOCKET, option, on)


def bind(s):
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, what != "dual")
    s.bind((address, 4500))


def hand_over(s):
    answer = nl.Family().do("SOCKET_NEW", nl.u32("SOCKET_FD", s.fileno()))
    if answer.error:
        sys.exit(str(answer))
    return nl.number(answer.messages[0], "SOCKET_ID")


def say(text):
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(text + "\n")
    os.rename(path + ".new", path)


def forge(source, spi, how):
    ends = socket.inet_aton(source) + socket.inet_aton(address)
    esp = bytes.fromhex(spi) + struct.pack("!I", 100000) + bytes(40)
    datagram = struct.pack("!4H", 4500, 4500, 8 + len(esp), 0) + esp
    total = sum(struct.unpack(f"!{(12 + len(datagram)) // 2}H", ends + struct.pack("!2H", 17, len(datagram)) + datagram))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    right = ~total & 0xFFFF or 0xFFFF
    datagram = datagram[:6] + struct.pack("!H", right if how == "right" else right ^ 0x0101) + datagram[8:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0) + ends
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(header + datagram, (address, 0))


def wait_for_signal():
    signal.sigwait([signal.SIGUSR1])


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
if what == "held":
    first, second = udp(), udp()
    for s in (first, second):
        reuse(s, 1)
    second.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    for s in (first, second):
        bind(s)
    for s in (first, second):
        reuse(s, 0)
    hand_over(first)
    child = os.fork()
    if child:
        second.close()
        say(str(child))
        wait_for_signal()
        first.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, 0)
    else:
        first.close()
    signal.pause()
elif what == "sharing":
    s = udp()
    reuse(s, 1)
    bind(s)
    hand_over(s)
    say("handed over")
    wait_for_signal()
    s.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, 0)
    signal.pause()
elif what == "several":
    wide, red = udp(), udp()
    red.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"red")
    for s in (red, wide):  # the kernel looks at the last one alone when another is to be bound
        reuse(s, 1)
        bind(s)
    for s in (wide, red):
        reuse(s, 0)
    say(f"{hand_over(wide)} {hand_over(red)}")
    wait_for_signal()
    red.close()
    signal.pause()
elif what == "dual":
    s = udp()
    reuse(s, 1, socket.SO_REUSEPORT)
    bind(s)
    hand_over(s)
    say("done")
    signal.pause()
elif what == "next":
    s = udp()
    reuse(s, 1, socket.SO_REUSEPORT)
    bind(s)
    reuse(s, 0, socket.SO_REUSEPORT)
    say("bound")
    wait_for_signal()
    hand_over(s)
    say("done")
    signal.pause()
elif what == "forged":
    forge(*sys.argv[3:])
else:
    os.setuid(65534)
    s = udp()
    reuse(s, 1)
    bind(s)
    sys.stdout.write("bound\n")
    sys.stdout.flush()
    signal.pause()
