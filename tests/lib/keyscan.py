#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for a P-256 private key in the memory of processes, or for a text.

    keyscan.py KEY.key PID...
    keyscan.py FILE PID...

Prints the processes that have it, a number a line, and on standard error where and in which form: the scalar's bytes as DER has them, as a
bignum of OpenSSL's, as that in Montgomery form; or the text of the file. Of a file that is not named *.key the first line is looked for. Ends with 1 if
a process cannot be read, its stack and heap among what is not, or has gone.
"""
import subprocess
import sys

ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def forms(path):
    der = subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
    at = der.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey, RFC 5915 section 3
    scalar = der[at:at + 32]
    number = int.from_bytes(scalar, "big")
    with open(path, "rb") as f:
        lines = f.read().splitlines()
    return {"DER": scalar, "bignum": scalar[::-1], "Montgomery": (number * 2 ** 256 % ORDER).to_bytes(32, "little"),
            "PEM": lines[2]}


def regions(pid):
    """What can be read: start, end, name."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[1][0] == "r" and not (len(words) > 5 and words[5] in ("[vvar]", "[vsyscall]", "[vdso]")):
                start, end = (int(n, 16) for n in words[0].split("-"))
                yield start, end, words[5] if len(words) > 5 else ""


def scan(pid, wanted):
    found = False
    unread = {"[stack]", "[heap]"}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, name in regions(pid):
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            if len(data) == end - start:
                unread.discard(name)
            for form, value in wanted.items():
                at = data.find(value)
                if at >= 0:
                    found = True
                    print(f"{pid}: {form} at {start + at:#x} {name}", file=sys.stderr)
    if unread:
        sys.exit(f"{pid}: cannot be read: {', '.join(unread)}")
    return found


def first_line(path):
    with open(path, "rb") as f:
        text = f.readline().strip()
    if len(text) < 16:
        sys.exit(f"{path}: too short to be looked for")
    return {"text": text}


wanted = forms(sys.argv[1]) if sys.argv[1].endswith(".key") else first_line(sys.argv[1])
for pid in sys.argv[2:]:
    try:
        if scan(pid, wanted):
            print(pid)
    except OSError as e:
        sys.exit(f"{pid}: cannot be read: {e}")
