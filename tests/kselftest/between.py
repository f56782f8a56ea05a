# SPDX-License-Identifier: Apache-2.0
"""Run by between.sh: users of port 4500 of an address, who say what they did in a file.

between.py held ADDRESS FILE        a socket that is handed over, and nobody else may share; beside it one of another process that
                                    hears lo alone: while that is there, no other can be bound to the address
between.py next ADDRESS FILE        bound beside what stands in for it, as a daemon's, and handed over when told so by SIGUSR1
between.py stranger ADDRESS FILE    another user's, for sharing
"""

import os
import signal
import socket
import sys

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402

what, address, path = sys.argv[1:]


def udp():
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def reuse(s, on, option=socket.SO_REUSEADDR):
    s.setsockopt(socket.SOL_SOCKET, option, on)


def bind(s):
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 4500))


def hand_over(s):
    answer = nl.Family().do("SOCKET_NEW", nl.u32("SOCKET_FD", s.fileno()))
    if answer.error:
        sys.exit(str(answer))


def say(text):
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(text + "\n")
    os.rename(path + ".new", path)


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
    else:
        first.close()
    signal.pause()
elif what == "next":
    s = udp()
    reuse(s, 1, socket.SO_REUSEPORT)
    bind(s)
    reuse(s, 0, socket.SO_REUSEPORT)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    say("bound")
    signal.sigwait([signal.SIGUSR1])
    hand_over(s)
    say("done")
    signal.pause()
else:
    os.setuid(65534)
    s = udp()
    reuse(s, 1)
    bind(s)
    sys.stdout.write("bound\n")
    sys.stdout.flush()
    signal.pause()
