#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What docs/rfc.md names is there: each file of code, and of each row at least one test. Prints TAP."""
import glob
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENGINE = "tests/unit/test_ike_engine_"


def there(pattern):
    return bool(glob.glob(os.path.join(top, pattern)))


def code(path, section):
    return there(("kmod/" if section.startswith("ESP") else "userspace/") + path)


def test(path, section):
    if section.startswith("ESP") and "/" not in path:
        return there("kmod/tests/" + path)
    if section == "IKEv2: exchanges and SAs" and "/" not in path:
        return there(ENGINE + path)
    return there("tests/" + path)


rows, missing, bare, section = 0, [], [], ""
# Any other file that a list of deviations names: a test, of which the section says where it is.
prose = re.compile(r"`((?:[a-z]+/)*[a-z0-9_*]+\.(?:c|sh|h))`")
for line in open(os.path.join(top, "docs/rfc.md"), encoding="utf-8"):
    if line.startswith("## "):
        section = line[3:].strip()
    elif line.startswith("| ") and not line.startswith("| RFC,"):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        cells += [""] * (4 - len(cells))
        rows += 1
        names = re.findall(r"`([^`]+)`", cells[2])
        tests = re.findall(r"`([^`]+)`", cells[3])
        missing += [name for name in names if not code(name, section)]
        missing += [name for name in tests if not test(name, section)]
        # A row that sends the reader to another list has neither.
        if not tests and not (not names and " below" in cells[1]):
            bare.append(cells[0])
    elif line.startswith(("- ", "  ")):
        missing += [n for n in prose.findall(line) if not test(n, section) and not code(n, section)]

print("1..3")
print(("ok" if rows > 80 else "not ok") + " 1 the rows of docs/rfc.md are found")
for number, names, what in ((2, missing, "what docs/rfc.md names is there"), (3, bare, "every row has a test")):
    print(f"{'not ok' if names else 'ok'} {number} {what}")
    for name in names:
        print("# " + name)
sys.exit(1 if missing or bare or rows <= 80 else 0)
