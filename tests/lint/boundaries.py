#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: arrows between the folders of userspace point one way, the engine of IKE has no socket, clock, file or
certificate, and of the module only compat.h asks for a kernel's version. Prints TAP.
"""
import glob
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, "tests/lib"))
import tap  # noqa: E402
from tap import result  # noqa: E402

# The command works without the daemon where it can: with certificates and with the module.
MAY = {
    "base": "base",
    "config": "config base",
    "pki": "pki base",
    "kernel": "kernel base",
    "ike": "ike base",
    "cli": "cli config pki kernel base",
    "daemon": "daemon ike pki kernel config base",
}
# Of what is no part of this project, what the engine may include. Addresses are values; threads are mutexes.
ENGINE = r"arpa/inet|netinet/in|errno|pthread|std\w+|strings?|openssl/(bn|core_names|crypto|ec|evp|obj_mac|sha|types)"
# And what would be a clock, randomness, a file or a socket without a header of its own.
ENGINE_NEVER = (r"\b(time|clock|clock_gettime|gettimeofday|getrandom|getentropy|rand|random|RAND_\w+|fopen|open|openat|read|write|"
                r"socket|send|sendto|sendmsg|recv|recvfrom|recvmsg|getenv|X509_\w+|d2i_\w+)\s*\(")


def code(path):
    """A file without its comments, strings kept."""
    with open(path, encoding="utf-8") as file:
        return re.sub(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\])*")', lambda m: m[1] or "", file.read(), flags=re.S)


def files(folder):
    return sorted(glob.glob(os.path.join(top, folder, "*.[ch]")))


print("1..5")
there = {os.path.basename(d) for d in glob.glob(os.path.join(top, "userspace", "*")) if os.path.isdir(d)}
result("the folders of userspace are those that have a rule", sorted(there ^ set(MAY)))

found, wrong = set(), []
for folder, allowed in MAY.items():
    for path in files("userspace/" + folder):
        for name in re.findall(r'#include "([^"]+)"', code(path)):
            target = name.partition("/")[0] if "/" in name else "(a file without its folder)"
            found.add((folder, target))
            if target not in allowed.split():
                wrong.append(f"{os.path.relpath(path, top)} includes {name}: {folder} may include {allowed}")
result("arrows point one way", wrong or (["nothing was found"] if len(found) < len(MAY) else []))

wrong = []
for path in files("userspace/ike"):
    text = code(path)
    wrong += [f"{os.path.relpath(path, top)} includes <{name}.h>" for name in re.findall(r"#include <([^>]+)\.h>", text)
              if not re.fullmatch(ENGINE, name)]
    wrong += [f"{os.path.relpath(path, top)} calls {m[1]}()" for m in re.finditer(ENGINE_NEVER, text)]
result("the engine has no socket, clock, randomness, file or certificate", wrong)

wrong = [os.path.relpath(path, top) for path in files("kmod") + files("kmod/tests")
         if re.search(r"\bLINUX_VERSION_CODE\b|\bKERNEL_VERSION\b|<linux/version\.h>", code(path))]
result("compat.h alone asks for the kernel's version", sorted(set(wrong) ^ {"kmod/compat.h"}))

wrong = [f"{os.path.relpath(path, top)} includes {name}" for path in files("userspace/*") for name in re.findall(r'#include "([^"]+)"', code(path))
         if "kmod" in name]
wrong += [f"{os.path.relpath(path, top)} includes {name}" for path in files("kmod") for name in re.findall(r'#include "([^"]+)"', code(path))
          if "userspace" in name]
result("module and userspace share the ABI's header alone", wrong)
sys.exit(1 if tap.failed else 0)
