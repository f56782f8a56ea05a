#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The netlink specification and the C header say the same: names, values, order, types.

Compiles include/uapi/linux/certgate.h to learn the value of every enumerator and compares with docs/netlink/certgate.yaml
in both directions; the type of an attribute is the first word of its comment in the header. Prints TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

import yaml

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
header = open(os.path.join(top, "include/uapi/linux/certgate.h")).read()
spec = yaml.safe_load(open(os.path.join(top, "docs/netlink/certgate.yaml")))
results = []


def check(name, got, want):
    results.append((name, got == want, f"specification has {got!r}, header has {want!r}"))


def enum_body(name):
    m = re.search(r"enum %s \{(.*?)\n\};" % name, header, re.S)
    return m.group(1) if m else ""


def enumerators(name):
    body = re.sub(r"/\*.*?\*/", "", enum_body(name), flags=re.S)
    return [n for n in re.findall(r"^\s+([A-Z]\w*)", body, re.M)]


def values(names):
    """The compiler's opinion of each name."""
    with tempfile.TemporaryDirectory() as d:
        src = os.path.join(d, "v.c")
        with open(src, "w") as f:
            f.write('#include <stdio.h>\n#include <linux/certgate.h>\nint main(void){')
            for n in names:
                f.write(f'printf("{n} %lld\\n", (long long)({n}));')
            f.write("}\n")
        exe = os.path.join(d, "v")
        subprocess.run(["gcc", "-I", os.path.join(top, "include/uapi"), "-o", exe, src], check=True)
        lines = subprocess.run([exe], check=True, capture_output=True, text=True).stdout.split("\n")
    return {a: int(b) for a, b in (line.split() for line in lines if line)}


def upper(prefix, name):
    return (prefix + name).upper().replace("-", "_")


wanted = set(re.findall(r"^\s+(CERTGATE_\w+)", header, re.M)) | set(re.findall(r"#define\s+(CERTGATE_\w+)\s+\d+", header))
value = values(sorted(wanted))

consts = {upper("certgate-", d["name"]): d["value"] for d in spec["definitions"] if d["type"] == "const"}
defines = re.findall(r"#define\s+(CERTGATE_(?:HASH_SIZE|(?:MAX|MIN|DEFAULT)_\w+))\s", header)
check("constants", consts, {n: value[n] for n in defines})

defined = set()
for d in spec["definitions"]:
    if d["type"] not in ("enum", "flags"):
        continue
    c_name = "certgate_" + d["name"].replace("-", "_")
    defined.add(c_name)
    entries = {}
    for i, e in enumerate(d["entries"]):
        e = e if isinstance(e, dict) else {"name": e, "value": 1 << i if d["type"] == "flags" else i}
        entries[upper(d["name-prefix"], e["name"])] = e["value"]
    check(f"enum {d['name']}", entries, {n: value[n] for n in enumerators(c_name) if not n.startswith("__")})
every = {e for e in re.findall(r"enum (certgate_\w+) \{", header) if not e.startswith("certgate_a_")} - {"certgate_cmd"}
check("every enumeration is specified", sorted(defined), sorted(every))

sets = {s["name"]: s for s in spec["attribute-sets"]}
check("attribute sets", sorted(sets), sorted(re.findall(r"enum certgate_a_(\w+) \{", header)))
for s in sets.values():
    names = [n for n in enumerators("certgate_a_" + s["name"])
             if not n.startswith("__") and not n.endswith("_UNSPEC") and n != upper(s["name-prefix"], "max")]
    check(f"attributes of {s['name']}", [upper(s["name-prefix"], a["name"]) for a in s["attributes"]], names)
    numbered = [value.get(upper(s["name-prefix"], a["name"])) for a in s["attributes"]]
    check(f"numbers of {s['name']}", numbered, list(range(1, len(s["attributes"]) + 1)))
    comments = dict(re.findall(r"^\t(\w+),\s*/\* (.*?) \*/", enum_body("certgate_a_" + s["name"]), re.M))
    types = {}
    for a in s["attributes"]:
        if a["type"] == "pad" or s["name"] == "stats":
            continue
        t = a["type"]
        if a.get("byte-order") == "big-endian":
            t = "be" + t[1:]
        types[upper(s["name-prefix"], a["name"])] = t
    check(f"types of {s['name']}", types, {n: comments.get(n, "none").split()[0].rstrip(",;:.") for n in types})
    for a in s["attributes"]:
        if a["type"] == "nest":
            check(f"{s['name']}.{a['name']} nests a known set", a["nested-attributes"] in sets, True)
        if "enum" in a:
            check(f"{s['name']}.{a['name']} has a known enumeration",
                  "certgate_" + a["enum"].replace("-", "_") in defined, True)

ops = {upper("certgate-cmd-", o["name"]): o["value"] for o in spec["operations"]["list"]}
check("operations", ops, {n: value[n] for n in enumerators("certgate_cmd")
                          if not n.startswith("__") and n not in ("CERTGATE_CMD_UNSPEC", "CERTGATE_CMD_MAX")})
for o in spec["operations"]["list"]:
    have = {a["name"] for a in sets[o["attribute-set"]]["attributes"]}
    used = set()
    for kind in ("do", "dump", "event"):
        part = o.get(kind, {})
        used |= set(part.get("attributes", []))
        for way in ("request", "reply"):
            used |= set(part.get(way, {}).get("attributes", []))
    check(f"attributes that {o['name']} uses exist", sorted(used - have), [])
check("no reply has a key", [o["name"] for o in spec["operations"]["list"] for kind in ("do", "dump")
                             if {"key", "integ-key"} & set(o.get(kind, {}).get("reply", {}).get("attributes", []))], [])
check("family", (spec["name"], spec["version"]), ("certgate", value.get("CERTGATE_FAMILY_VERSION", 1)))

print(f"TAP version 13\n1..{len(results)}")
for i, (name, good, why) in enumerate(results, 1):
    print(f"{'ok' if good else 'not ok'} {i} netlink specification: {name}")
    if not good:
        print(f"# {why}")
sys.exit(0 if all(r[1] for r in results) else 1)
