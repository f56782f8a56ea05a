#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fields that programs print with --json, and those that docs/json.md names, are the same. Prints TAP."""
import glob
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = ["userspace/daemon/*.c", "userspace/cli/*.c", "userspace/base/*.c", "userspace/config/diag.c",
           "userspace/kernel/names.c"]
NAME = r'"([a-z][a-z0-9_]*)"'


def read(path):
    return open(os.path.join(top, path)).read()


# Where results are made, in the daemon and in the command.
def printed():
    names = set()
    files = ["userspace/daemon/" + f for f in ("status.c", "status_sa.c", "status_parts.h", "control.c", "history.c", "apply.c", "revoke.c",
                                               "fetching.c")]
    files += sorted(os.path.relpath(p, top) for p in glob.glob(os.path.join(top, "userspace/cli/cmd_kernel*.c")))
    for path in files:
        text = read(path)
        names.update(re.findall(r"\bset(?:_[a-z]+)*\(\s*\w+,\s*" + NAME, text))
        names.update(re.findall(r"\bjson_object_set_new\(\s*\w+,\s*" + NAME, text))
        for call in re.findall(r'\bjson_pack\(\s*"\{([^"]*)\}",((?:[^;])*?)\);', text):
            # Keys are every second string, and the only ones where values are no strings.
            names.update(re.findall(NAME + r",\s*(?:\(json_int_t\)|[a-z_>!.-]+[(,)])", call[1]))
    counters = re.search(r"#define IKE_COUNTERS\(X\)(.*?)clang-format on", read("userspace/ike/engine.h"), re.S)
    names.update(re.findall(r"X\((\w+)\)", counters.group(1)))
    return names


document = read("docs/json.md")
named = set(re.findall(NAME, document)) | set(re.findall(r"`(?:[a-z_\[\]]+\.)*([a-z][a-z0-9_]*)`", document))
# The fields of the examples: what stands before a colon.
examples = set(re.findall(NAME + r"\s*:", document))
code = "".join(open(p).read() for s in SOURCES for p in glob.glob(os.path.join(top, s)))
known = set(re.findall(NAME, code)) | printed()

lacks = sorted(printed() - named)
extra = sorted(examples - known)
enough = len(printed()) > 60
print("1..3")
print(("ok" if enough else "not ok") + " 1 the fields of the programs are found")
for number, names, what in ((2, lacks, "docs/json.md names every field"), (3, extra, "and its examples have no other")):
    print(f"{'not ok' if names else 'ok'} {number} {what}")
    for name in names:
        print("# " + name)
sys.exit(1 if lacks or extra or not enough else 0)
