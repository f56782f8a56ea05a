#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The events that the daemon can log, and those that certgated(8) lists, are the same. Prints TAP."""
import glob
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The function that tells of an event, and where it is called. The name is its first string, or its first two if a condition chooses.
CALLS = [
    (r"history_(?:add|note|claimed)", "userspace/daemon/*.c"),
    (r"ik_report(?:_failure|_claimed|_request)?", "userspace/ike/*.c"),
    (r"ik_syntax_refuse", "userspace/ike/*.c"),
    (r"refuse", "userspace/daemon/judge.c"),
]
NAME = r'"([a-z][a-z0-9-]*)"'


def calls(which):
    names = set()
    for function, files in which:
        for path in glob.glob(os.path.join(top, files)):
            text = open(path).read()
            for m in re.finditer(r"\b%s\(\s*[^\";]*?(?:%s\s*:\s*)?%s" % (function, NAME, NAME), text):
                names.update(n for n in m.groups() if n)
    return names


def program():
    names = calls(CALLS)
    # Those that are filled in, not passed on.
    worker = open(os.path.join(top, "userspace/daemon/role_verify.c")).read()
    names.update(re.findall(r"snprintf\(answer\.code, sizeof\(answer\.code\), %s\)" % NAME, worker))
    return names


def table():
    """What main takes from ike, but for the reasons of path validation."""
    text = open(os.path.join(top, "userspace/daemon/engine_events.c")).read()
    lists = re.findall(r"\bof_(?:engine|verify)\[\] = \{(.*?)\};", text, re.S)
    return {name for names in lists for name in re.findall(NAME, names)}


def engine():
    """What ike says: its own, and what verify answers."""
    return calls(CALLS[1:]) | {"nonce"}


def manual():
    text = open(os.path.join(top, "docs/man/certgated.8")).read()
    section = text.split("\n.Sh DIAGNOSTICS\n")[1].split("\n.Sh ")[0]
    items = re.findall(r"^\.It Em .*\n((?:[^.\n].*\n)+)", section, re.M)
    return {w for item in items for w in re.split(r"[,\s]+", re.split(r"[:.]", item)[0]) if w}


listed, used = manual(), program()
lacks = sorted(used - listed)
extra = sorted(listed - used)
differ = sorted(table() ^ engine())
print("1..4")
print(("ok" if len(used) > 40 else "not ok") + " 1 the events of the program are found")
for number, names, what in ((2, lacks, "certgated(8) lists every event"), (3, extra, "and no other")):
    print(f"{'not ok' if names else 'ok'} {number} {what}")
    for name in names:
        print("# " + name)
print(f"{'not ok' if differ else 'ok'} 4 main takes what the engine and verify say from ike, and nothing else")
for name in differ:
    print("# " + name)
sys.exit(1 if lacks or extra or differ or len(used) <= 40 else 0)
