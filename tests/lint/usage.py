#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What both programs say that they take, and what their manuals say, is the same: subcommands and options of certgate(8), options of
certgated(8). Asks the programs that were built. Prints TAP.
"""
import os
import re
import subprocess
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, "tests/lib"))
import tap  # noqa: E402
from tap import result  # noqa: E402
build = os.path.join(top, os.environ.get("O", "build"))


def said(*command):
    done = subprocess.run([os.path.join(build, command[0]), *command[1:]], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def page(name):
    with open(os.path.join(top, "docs/man", name), encoding="utf-8") as file:
        return file.read()


def differ(manual, program):
    manual, program = set(manual), set(program)
    return [f"the manual alone has: {x}" for x in sorted(manual - program)] + [
        f"the program alone has: {x}" for x in sorted(program - manual)]


def plain(text):
    """A line of either without what marks up optional, repeated and alternative words."""
    return " ".join(re.sub(r"\.\.\.|[][|]", " ", text).split())


def manual_forms(command):
    """Each `.It Cm COMMAND SUBCOMMAND ...` as the program would write it."""
    for line in re.findall(rf"^\.It Cm {command} (.*)$", page("certgate.8"), re.M):
        if line.startswith("Ar SUBCOMMAND"):
            continue
        yield plain(re.sub(r"\bFl -", "--", re.sub(r"\b(Cm|Ar|Oo|Oc|Op)\b", "", line)))


def program_forms(command):
    usage = said("certgate", *{"cert": ["cert", "show", "--help"], "pki": ["pki", "init", "--help"], "kernel": ["kernel"]}[command])
    for line in re.findall(rf"certgate {command} (.*)$", usage, re.M):
        yield plain(re.split(r"   ", line)[0])


print("1..5")
for name in ("cert", "pki"):
    forms = list(program_forms(name))
    wrong = differ(manual_forms(name), forms) or (["nothing was found"] if len(forms) < 5 else [])
    wrong += [f"'certgate help {name}' lacks {form.split()[0]}" for form in forms
              if not re.search(rf"\b{form.split()[0]}\b", re.search(r"Subcommands:(.*?)\.", said("certgate", "help", name), re.S)[1])]
    result(f"certgate {name}: subcommands and options", wrong)

forms = list(program_forms("kernel"))
result("certgate kernel: objects, verbs and options",
       differ(manual_forms("kernel"), forms) or (["nothing was found"] if len(forms) < 20 else []))
listed = re.search(r"Subcommands:(.*?)\.", said("certgate", "help", "kernel"), re.S)[1]
result("certgate help kernel names each object", differ({form.split()[0] for form in forms}, re.findall(r"\w+", listed)))

with open(os.path.join(top, "userspace/daemon/certgated.c"), encoding="utf-8") as file:
    table = re.search(r"long_options\[\] = \{(.*?)the launcher's own", file.read(), re.S)[1]
taken = {"--" + name for name in re.findall(r'\{"(\w[\w-]*)"', table)} | {"-" + c for c in re.findall(r"'(\w)'\}", table)}
options = re.search(r"^The options are:$(.*?)^\.El$", page("certgated.8"), re.S | re.M)[1]
described = {"-" + name for line in re.findall(r"^\.It (Fl .*)$", options, re.M) for name in re.findall(r"Fl (-?[\w-]+)", line)}
helped = re.findall(r"(?:^ +|, )(--?\w[\w-]*)", said("certgated", "--help"), re.M)
result("certgated: options of table, help and manual",
       differ(described, taken) + [f"certgated --help lacks {x}" for x in sorted(taken - set(helped))])
sys.exit(1 if tap.failed else 0)
