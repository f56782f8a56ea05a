# SPDX-License-Identifier: Apache-2.0
"""Run by closes.sh: closes.py ADDRESS FILE hands over 64 sockets and writes their numbers to FILE. Told so by SIGUSR1 it closes half of
them by turns and the others at once, and writes for how many milliseconds it did either, and for how many who asked for a socket the
while has waited at most."""

import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, "tests/lib")
import nl  # noqa: E402

address, path = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])


def hand_over(s):
    answer = nl.Family().do("SOCKET_NEW", nl.u32("SOCKET_FD", s.fileno()))
    if answer.error:
        sys.exit(str(answer))
    return nl.number(answer.messages[0], "SOCKET_ID")


def say(what):
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(" ".join(map(str, what)) + "\n")
    os.rename(path + ".new", path)


def ms(begin):
    return round((time.monotonic() - begin) * 1000)


sockets = []
for n in range(64):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 4600 + n))
    sockets.append(s)
ids = [hand_over(s) for s in sockets]
say(ids)
signal.sigwait([signal.SIGUSR1])

begin = time.monotonic()
for s in sockets[:32]:
    s.close()
turns = ms(begin)

gate = threading.Barrier(33)


def close(s):
    gate.wait()
    s.close()


family = nl.Family()
threads = [threading.Thread(target=close, args=(s,)) for s in sockets[32:]]
for t in threads:
    t.start()
gate.wait()
begin = time.monotonic()
asked = 0
while any(t.is_alive() for t in threads):
    before = time.monotonic()
    family.do("SOCKET_GET", nl.u32("SOCKET_ID", ids[0]))
    asked = max(asked, ms(before))
    time.sleep(0.001)
say((turns, ms(begin), asked))
signal.pause()
