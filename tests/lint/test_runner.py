#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reader of test results in tests/run must not take silence for success."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import tempfile
import unittest
import unittest.mock

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")
loader = importlib.machinery.SourceFileLoader("run", RUN)
spec = importlib.util.spec_from_loader("run", loader)
run = importlib.util.module_from_spec(spec)
loader.exec_module(run)


def read(text, status=0):
    results = []
    tap = run.Tap(lambda name, outcome, detail: results.append((name, outcome, detail)))
    for line in text.splitlines():
        tap.line(line)
    return results, tap.finish(status)


class Reading(unittest.TestCase):
    def test_all_passed(self):
        results, problems = read("KTAP version 1\n1..2\nok 1 one\nok 2 - two\n")
        self.assertEqual(results, [("one", "ok", ""), ("two", "ok", "")])
        self.assertEqual(problems, [])

    def test_plan_at_the_end(self):
        self.assertEqual(read("ok 1 one\n1..1\n")[1], [])

    def test_no_plan_is_a_problem(self):
        self.assertTrue(read("ok 1 one\n")[1])

    def test_silence_is_a_problem(self):
        self.assertTrue(read("")[1])
        self.assertTrue(read("hello\n")[1])

    def test_fewer_or_more_results_than_planned_are_a_problem(self):
        self.assertTrue(read("1..2\nok 1 one\n")[1])
        self.assertTrue(read("1..1\nok 1 one\nok 2 two\n")[1])

    def test_a_failure_is_one(self):
        results, problems = read("1..1\nnot ok 1 one\n", 1)
        self.assertEqual(results, [("one", "fail", "")])
        self.assertEqual(problems, [])

    def test_exit_status_against_results_is_a_problem(self):
        self.assertTrue(read("1..1\nok 1 one\n", 1)[1])
        self.assertTrue(read("1..1\nok 1 one\n", -11)[1])

    def test_skips_carry_their_reason(self):
        self.assertEqual(read("1..1\nok 1 one # SKIP no such device\n")[0], [("one", "skip", "no such device")])
        self.assertEqual(read("1..0 # SKIP nothing here\n")[0], [("all of it", "skip", "nothing here")])

    def test_expected_failures_are_failures(self):
        self.assertEqual(read("1..1\nnot ok 1 one # XFAIL later\n", 1)[0][0][1], "fail")

    def test_bail_out_is_a_problem(self):
        self.assertTrue(read("1..1\nok 1 one\nBail out! no module\n")[1])

    def test_nested_results_count_and_their_parent_does_not(self):
        text = "KTAP version 1\n1..1\n    # Subtest: replay\n    1..2\n    ok 1 a\n    ok 2 b\nok 1 replay\n"
        results, problems = read(text)
        self.assertEqual([r[0] for r in results], ["replay: a", "replay: b"])
        self.assertEqual(problems, [])

    def test_a_suite_that_lost_a_test_is_a_problem(self):
        text = "1..1\n    # Subtest: replay\n    1..2\n    ok 1 a\nok 1 replay\n"
        self.assertTrue(read(text)[1])

    def test_suites_of_a_debugfs_dump(self):
        suite = "    KTAP version 1\n    # Subtest: %s\n    1..1\n    ok 1 a\nok 1 %s\n"
        results, problems = read("".join("KTAP version 1\n1..1\n" + suite % (s, s) for s in ("x", "y")))
        self.assertEqual([r[0] for r in results], ["x: a", "y: a"])
        self.assertEqual(problems, [])

    def test_a_failed_parent_of_passed_children_is_a_failure(self):
        results, _ = read("1..1\n    # Subtest: s\n    1..1\n    ok 1 a\nnot ok 1 s\n", 1)
        self.assertIn("fail", [r[1] for r in results])


class Planning(unittest.TestCase):
    def test_no_script_is_left_out(self):
        for layer in ("kselftest", "interop"):
            folder = os.path.join(os.path.dirname(RUN), layer)
            there = sorted(name for name in os.listdir(folder) if name.endswith(".sh"))
            scripts = run.vm_scripts(layer, ["uml"])
            self.assertEqual([os.path.basename(script.path) for script in scripts], there)
            self.assertTrue(all(script.kernels for script in scripts))


class Closing(unittest.TestCase):
    """Where only the output is kept, it must tell what a machine said when it died."""

    def closing(self, logs):
        with tempfile.TemporaryDirectory() as folder:
            ledger = run.Ledger()
            for number, lines in enumerate(logs):
                path = os.path.join(folder, "%d.log" % number)
                with open(path, "w", encoding="utf-8") as file:
                    file.writelines("line %d\n" % line for line in range(lines))
                ledger.failures += [("a test", "", path), ("another", "", path)]
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                ledger.print_logs()
            return out.getvalue().splitlines()

    def test_the_end_of_each_log_once(self):
        lines = self.closing([run.FAILED_LINES + 5])
        self.assertEqual(len([line for line in lines if "| line" in line]), run.FAILED_LINES)
        self.assertEqual(lines[-1], "    | line %d" % (run.FAILED_LINES + 4))

    def test_not_of_everything(self):
        lines = self.closing([1] * (run.FAILED_LOGS + 2))
        self.assertEqual(len([line for line in lines if "| line" in line]), run.FAILED_LOGS)
        self.assertEqual(lines[-1], "2 more logs are not shown")


class Counting(unittest.TestCase):
    """The last line and the exit status: what was skipped for no reason, failed or never ran is no success."""

    def ledger(self, *results):
        """The exit status and the lines of a run with these results."""
        with tempfile.TemporaryDirectory() as folder:
            top, run.TOP = run.TOP, folder
            try:
                os.makedirs(os.path.join(folder, "tests"))
                os.makedirs(os.path.join(folder, run.LOGS))
                with open(os.path.join(folder, "tests/allowed-skips"), "w", encoding="utf-8") as file:
                    file.write("# a remark\na/known* :: no such device on earth\n")
                ledger = run.Ledger()
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    for name, outcome in results:
                        ledger.add(name, outcome, 0.1, "because" if outcome == "skip" else "")
                    status = ledger.close(61)
            finally:
                run.TOP = top
        return status, out.getvalue().splitlines()

    def test_all_passed(self):
        status, lines = self.ledger(("a", "ok"), ("b", "ok"))
        self.assertEqual((status, lines[-1]), (0, "2 passed, 0 failed"))

    def test_one_failed(self):
        status, lines = self.ledger(("a", "ok"), ("b", "fail"))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_a_skip_that_is_documented_is_no_failure_and_told(self):
        status, lines = self.ledger(("a", "ok"), ("a/known: thing", "skip"))
        self.assertEqual((status, lines[-1]), (0, "1 passed, 0 failed"))
        self.assertIn("skipped, as documented: a/known: thing: no such device on earth", lines)

    def test_another_skip_is_a_failure(self):
        status, lines = self.ledger(("a", "ok"), ("b", "skip"))
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))
        self.assertIn("failed: b: skipped for no documented reason: because", lines)

    def test_nothing_at_all_is_a_failure(self):
        status, lines = self.ledger()
        self.assertEqual((status, lines[-1]), (1, "0 passed, 0 failed"))


class Coverage(unittest.TestCase):
    def test_the_last_line_counts(self):
        log = ("INFO: Loaded 1 PC tables (3574 PCs): 3574 [0x1,0x2),\n#2\tINITED cov: 60 ft: 61 corp: 1/1b\n"
               "#900\tDONE   cov: 268 ft: 875 corp: 265/41Kb lim: 9\n")
        self.assertEqual(run.coverage(log), "268 of 3574 edges, 875 features, 900 inputs")

    def test_nothing_is_made_up(self):
        self.assertEqual(run.coverage("==1==ERROR: AddressSanitizer\n"), "")

    GOOD = ("INFO: Loaded 1 PC tables (3574 PCs): 3574 [0x1,0x2),\n#2\tINITED cov: 60 ft: 61 corp: 1/1b\n"
            "#900\tDONE   cov: 268 ft: 875 corp: 265/41Kb lim: 9\nstat::number_of_executed_units: 900\n")

    def fuzzer(self, *logs):
        """What is told of a fuzzer that leaves these logs, one a command."""
        told, left = [], list(logs)
        with tempfile.TemporaryDirectory() as folder:
            def plain(ledger, name, command, timeout):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(left.pop(0))
            ledger = unittest.mock.Mock()
            ledger.add.side_effect = lambda name, outcome, *rest: told.append((name, outcome))
            ledger.say.side_effect = lambda what, seconds, text: told.append((what, text.split(":")[0]))
            with unittest.mock.patch.object(run, "run_plain", plain), \
                    unittest.mock.patch.object(run, "log_path", lambda name: os.path.join(folder, name)):
                run.run_fuzzer(ledger, "f", [None] * len(logs), 1)
        return told

    def test_a_fuzzer_tells_what_it_covered(self):
        self.assertEqual(self.fuzzer(self.GOOD, self.GOOD), [("cov", "f-corpus"), ("cov", "f")])

    def test_a_fuzzer_that_does_not_has_failed(self):
        bad = self.GOOD.replace("cov:", "coverage:")
        self.assertEqual(self.fuzzer(bad, self.GOOD), [("f-corpus-cov", "fail"), ("cov", "f")])
        self.assertEqual(self.fuzzer(self.GOOD, bad), [("cov", "f-corpus"), ("f-cov", "fail")])
        self.assertEqual(self.fuzzer(self.GOOD.replace("PC tables", "tables")), [("f-cov", "fail")])

    def test_a_fuzzer_that_makes_nothing_has_failed(self):
        self.assertIn(("f-made", "fail"), self.fuzzer(self.GOOD.replace("units: 900", "units: 2")))


if __name__ == "__main__":
    unittest.main()
