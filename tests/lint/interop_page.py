#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/interop.md has every script of tests/interop, and every check of each; and how the page is made from logs."""

import glob
import importlib.machinery
import importlib.util
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
loader = importlib.machinery.SourceFileLoader("report", os.path.join(TESTS, "interop-report"))
spec = importlib.util.spec_from_loader("report", loader)
report = importlib.util.module_from_spec(spec)
loader.exec_module(report)

# A result's words, in single quotes or in double ones with variables in them: of t and ktap_skip, or of a step of scripts/demo.
CALL = re.compile(r"""(?:^(?:\s*[\w*|.-]+\))?|[;&|({]|\bdo|\bthen|\belse)\s*(?:t|ktap_skip|check|good)\s+("(?:[^"\\]|\\.)*"|'[^']*')""", re.M)
VARIABLE = re.compile(r"\$\{[^}]*\}|\$\([^()]*\)|\$\w+|\$[0-9*@]")


def checks(path):
    """What a script says of its checks, as regular expressions."""
    found = set()
    if os.path.basename(path) == "demo.sh":
        path = os.path.join(report.TOP, "scripts/demo")
        found.add("its\\ exit\\ status\\ is\\ 0")
    with open(path, encoding="utf-8") as file:
        # what is there to fail only, where nothing should come, has no row
        text = re.sub(r"\bt \"[^\"]*\" false\b", "", file.read())
        for words in CALL.findall(re.sub(r"\$\([^()]*\)", "$command", text)):
            if words[0] == "'":
                found.add(re.escape(words[1:-1]))
            else:
                found.add(".+".join(re.escape(part) for part in VARIABLE.split(words[1:-1].replace('\\"', '"'))))
    return {pattern for pattern in found if re.sub(r"\.\+", "", pattern)}


def page():
    """{script: [row]}"""
    sections, rows = {}, None
    with open(os.path.join(report.TOP, "docs/interop.md"), encoding="utf-8") as file:
        for line in file:
            match = re.match(r"`(\w+)\.sh`: ", line)
            if match:
                rows = sections.setdefault(match[1], [])
            elif line.startswith("| ") and not line.startswith("| check |"):
                cells = re.split(r"(?<!\\) \| ", line.strip()[2:-2])
                rows.append((re.sub(r" \(\d+\)$", "", cells[0]).replace("\\|", "|"), cells[1:]))
    return sections


class Page(unittest.TestCase):
    def setUp(self):
        self.sections = page()
        self.scripts = {os.path.basename(p)[:-3]: p for p in glob.glob(os.path.join(TESTS, "interop", "*.sh"))}

    def test_every_script_is_a_section(self):
        self.assertEqual(sorted(self.scripts), sorted(report.TITLES))
        self.assertEqual(list(self.sections), list(report.TITLES), "make interop, or tests/interop-report after a whole run")

    def test_every_check_is_a_row(self):
        for script, path in self.scripts.items():
            rows = [row for row, _ in self.sections[script]]
            said = checks(path)
            self.assertTrue(said and rows, script)
            for pattern in said:
                self.assertTrue(any(re.fullmatch(pattern, row) for row in rows), "%s: no row for '%s'" % (script, pattern))

    def test_every_row_is_a_check(self):
        shared = set()
        for path in glob.glob(os.path.join(TESTS, "lib", "*.sh")):
            shared |= checks(path)
        for script, path in self.scripts.items():
            patterns = [re.compile(p) for p in checks(path) | shared]
            for row, _ in self.sections[script]:
                self.assertTrue(any(p.fullmatch(row) for p in patterns), "%s has no check '%s'" % (script, row))

    def test_nothing_failed(self):
        for script, rows in self.sections.items():
            for row, cells in rows:
                self.assertNotIn("no", cells, "%s: %s" % (script, row))
                self.assertTrue(any(c != "-" for c in cells), "%s: %s" % (script, row))


class Logs(unittest.TestCase):
    def test_a_later_yes_hides_no_failure(self):
        found = report.outcomes(["not ok 1 ping\n", "# why\n", "ok 2 ping\n", "ok 3 - other\n", "ok 4 ping\n"])
        self.assertEqual(found, {"ping": "no", "ping (2)": "yes", "other": "yes", "ping (3)": "yes"})

    def test_what_a_log_is_of(self):
        self.assertEqual(report.tree_of(["# tree: 5e2eefd-dirty\n", "ok 1 ping\n"]), "5e2eefd-dirty")
        self.assertEqual(report.tree_of(["ok 1 ping\n"]), "unknown")
        self.assertEqual(report.tree_of([]), "unknown")

    def test_what_was_skipped_says_why(self):
        self.assertEqual(report.outcomes(["ok 1 one # SKIP no such device\n"]), {"one": "skipped: no such device"})

    def test_what_is_no_result(self):
        self.assertEqual(report.outcomes(["KTAP version 1\n", "1..2\n", "  ok 1 nested\n", "okay\n"]), {})

    def test_the_first_paragraph_is_the_description(self):
        kernels, about = report.header(os.path.join(TESTS, "interop", "rotation.sh"))
        self.assertEqual(kernels, ["uml"])
        self.assertTrue(about.startswith("Certificates change under traffic"))
        self.assertNotIn("ROTATIONS", about)

    def test_kernels_for_whoever_wants_everything_are_no_columns(self):
        self.assertEqual(report.header(os.path.join(TESTS, "interop", "pair.sh"))[0], ["uml-debug", "6.12"])


if __name__ == "__main__":
    unittest.main()
