#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The files and folders that the documents name exist, and docs/architecture.md names every folder, and every source of the module and of
the programs. Prints TAP.
"""
import fnmatch
import os
import re
import subprocess
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, "tests/lib"))
import tap  # noqa: E402
from tap import result  # noqa: E402
DOCUMENTS = ["docs/architecture.md", "docs/rfc.md", "docs/trust.md"]
# What is not in the tree: made by builds, runs and setups, or of other systems.
ELSEWHERE = ("build/", "/", "~", "share/", "net/")

listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=top, capture_output=True, text=True, check=True).stdout.split("\n")
files = [f for f in listed if f and os.path.exists(os.path.join(top, f))]
folders = sorted({os.path.dirname("/".join(f.split("/")[:n + 1])) for f in files for n in range(1, f.count("/") + 1)} - {""})
known = set(files) | set(folders)
ends = {"/".join(k.split("/")[n:]) for k in known for n in range(k.count("/") + 1)}


def there(name):
    """By its whole path, or by its end where the document has said which folder it speaks of."""
    name = name.rstrip("/")
    return name in ends or bool(re.search(r"[*?[]", name) and fnmatch.filter(ends, name))


print(f"1..{len(DOCUMENTS) + 2}")
for document in DOCUMENTS:
    with open(os.path.join(top, document), encoding="utf-8") as file:
        text = re.sub(r"^```.*?^```", "", file.read(), flags=re.S | re.M)
    names = {w for span in re.findall(r"`([^`\n]+)`", text) for w in span.split() if not w.startswith(ELSEWHERE)
             and (re.search(r"\.(c|h|sh|py|md|yaml|config)$", w)
                  or re.match(r"(userspace|kmod|include|tests|scripts|docs)(/|$)", w))}
    # `FOLDER/PREFIX_`, once, for the names of a table
    prefixes = {n for n in names if n.endswith("_")}
    result(f"what {document} names is there", sorted(n for n in names - prefixes if not there(n) and not any(p + n in known for p in prefixes)) or ([] if len(names) > 3 else ["nothing was found"]))

with open(os.path.join(top, "docs/architecture.md"), encoding="utf-8") as file:
    text = file.read()
# Inputs of fuzzers and examples are data; what lies below a folder that is named belongs to it.
result("docs/architecture.md names every folder",
       [f for f in folders if not f.startswith(("tests/fuzz/corpus", "docs/examples", ".", "include")) and f != "LICENSES"
        and not re.search(rf"`{re.escape(f)}(/[^`]*)?`", text)])

# In the table whose head is its folder, as names repeat; of the daemon, whose table has what the text before it has not, anywhere.
tables = {folder: rows for folder, rows in re.findall(r"^\| `([\w/]+)` \| job \|$(.*?)^$", text, re.S | re.M)}
tables["userspace/daemon"] = text


def in_table(path):
    folder, name = os.path.split(path)
    return any(fnmatch.fnmatch(name, n) for n in re.findall(r"`(?:[\w-]+/)*([\w*-]+\.c)`", tables.get(folder, "")))


sources = [f for f in files if f.endswith(".c") and re.match(r"(userspace/\w+|kmod)/[^/]+$", f)]
result("docs/architecture.md names every source", [f for f in sources if not in_table(f)] or ([] if len(sources) > 250 else ["few were found"]))
sys.exit(1 if tap.failed else 0)
