# SPDX-License-Identifier: Apache-2.0
"""ask.py: runs commands for a script (tests/lib/tunnels.sh) until its input ends, and tells what they print, or of JSON what an
expression on it is worth: on an emulated CPU it is forks and starts of programs that take a test's time, and a shell starts two or
three where this starts one.

A request is a namespace of the network, an expression on x or `-`, text for the command to read, or `-`, the command and its
arguments, and an empty word; an answer the exit status, and what was asked for or, where the command failed, what it said. Each word
ends with a NUL.
"""

import ctypes
import json
import os
import sys

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
HOME = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def setns(file):
    if LIBC.setns(file, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def output(namespace, text, command):
    """Exit status and all that the command printed, there. The text fits a pipe."""
    reader, writer = os.pipe()
    place = os.open("/run/netns/" + namespace, os.O_RDONLY | os.O_CLOEXEC)
    hers, mine = os.pipe()
    os.write(mine, text.encode())
    os.close(mine)
    try:
        setns(place)
        files = [(os.POSIX_SPAWN_DUP2, *pair) for pair in ((hers, 0), (writer, 1), (writer, 2))]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=files)
    finally:
        setns(HOME)
        for file in (place, writer, hers):
            os.close(file)
        said = b""
        while more := os.read(reader, 1 << 16):
            said += more
        os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def answer(namespace, expression, text, *command):
    status, said = output(namespace, "" if text == "-" else text, command)
    if status or expression == "-":
        return status, said
    return 0, str(eval(expression, {"x": json.loads(said)})) + "\n"  # pylint: disable=eval-used


def serve():
    pending = b""
    while more := os.read(0, 1 << 16):
        pending += more
        while b"\0\0" in pending:
            words, _, pending = pending.partition(b"\0\0")
            try:
                status, value = answer(*words.decode().split("\0"))
            except Exception as error:  # pylint: disable=broad-except
                status, value = 1, "ask.py: %r\n" % error
            sys.stdout.write("%s\0%s\0" % (status, value))
            sys.stdout.flush()


serve()
