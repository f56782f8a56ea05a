#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench's arithmetic: a figure must not come out of a measurement that does not count, nor change on its way to a line."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))
import figures
import profile_symbols

TCP = figures.BY_NAME["tcp-udp"]
RAW = "raw tcp-udp %s 1 elapsed=%d idle=%d packets=100 bytes=130000 lost=0 sealed=%s opened=%s dropped=%s"


def measured(peer, elapsed, idle=0, sealed="120", opened="120", dropped="0"):
    name, peer, raw = figures.parse_raw(RAW % (peer, elapsed, idle, sealed, opened, dropped))
    assert name == "tcp-udp"
    return peer, raw


class Reading(unittest.TestCase):
    def test_a_raw_line(self):
        peer, raw = measured("xfrm", 5000)
        self.assertEqual(peer, "xfrm")
        self.assertEqual((raw["elapsed"], raw["packets"], raw["sealed"]), (5000, 100, 120))

    def test_what_a_peer_does_not_count(self):
        self.assertIsNone(measured("plain", 5000, 0, "-", "-", "-")[1]["sealed"])

    def test_other_lines_are_none(self):
        self.assertIsNone(figures.parse_raw("guest: done"))
        self.assertIsNone(figures.parse_raw(""))


class Judging(unittest.TestCase):
    def test_a_measurement_that_counts(self):
        self.assertEqual(figures.problems("tcp-udp", *measured("certgate", 5000)), [])
        self.assertEqual(figures.problems("tcp-udp", *measured("plain", 5000, 0, "-", "-", "-")), [])

    def test_packets_that_went_past_the_tunnel(self):
        self.assertTrue(figures.problems("tcp-udp", *measured("certgate", 5000, sealed="99")))
        self.assertTrue(figures.problems("tcp-udp", *measured("xfrm", 5000, opened="99")))

    def test_drops_and_losses(self):
        self.assertTrue(figures.problems("tcp-udp", *measured("certgate", 5000, dropped="1")))
        peer, raw = measured("plain", 5000, 0, "-", "-", "-")
        raw["lost"] = 1
        self.assertTrue(figures.problems("tcp-udp", peer, raw))
        self.assertEqual(figures.problems("cpu2-1", peer, raw), [])


class Arithmetic(unittest.TestCase):
    def results(self):
        results = figures.Results()
        for peer, elapsed, idle in (("plain", 100000, 0), ("certgate", 1100000, 0), ("certgate", 1300000, 100000),
                                    ("certgate", 1500000, 0), ("xfrm", 2300000, 0)):
            results.add("tcp-udp", *measured(peer, elapsed, idle))
        return results

    def test_median_beyond_plain_routing_without_idle_time(self):
        found = self.results().figures(TCP)
        self.assertEqual(found["certgate"].value, 11000)
        self.assertEqual(found["xfrm"].value, 22000)
        self.assertNotIn("wireguard", found)

    def test_spread(self):
        self.assertAlmostEqual(self.results().figures(TCP)["certgate"].spread, 100 * 4000 / 11000)

    def test_the_line(self):
        line = figures.bench_line("6.12", TCP, self.results().figures(TCP))
        self.assertEqual(line, "bench 6.12 tcp-udp certgate=11000 xfrm=22000 wireguard=- ratio=0.50")

    def test_no_ratio_without_the_peer(self):
        results = figures.Results()
        results.add("tcp-udp", *measured("certgate", 5000))
        self.assertTrue(figures.bench_line("6.1", TCP, results.figures(TCP)).endswith("xfrm=- wireguard=- ratio=-"))


class Planning(unittest.TestCase):
    def test_every_peer_does_the_same_work(self):
        steps = figures.plan(figures.ROWS, figures.PEERS, 3, 16)
        works = {}
        for step in steps:
            if step.startswith("peer "):
                setup = step.split()[1:]
            elif step.startswith("measure "):
                works.setdefault(setup[0], set()).add((setup[1], setup[4], step.split(None, 3)[3]))
        self.assertEqual(works["plain"], works["certgate"])
        self.assertEqual(works["certgate"], works["xfrm"])
        self.assertLessEqual(works["wireguard"], works["certgate"])

    def test_xfrm_has_its_offload_where_that_does_something(self):
        steps = figures.plan(figures.ROWS, figures.PEERS, 1, 4)
        offload = [step for step in steps if "xfrm_offload" in step]
        self.assertEqual(offload, ["peer xfrm_offload 4 none aes-gcm-256 on each"])
        work = steps[steps.index(offload[0]) + 1]
        self.assertIn(work, steps[steps.index("peer xfrm 4 none aes-gcm-256 on each"):][1:2])

    def test_set_up_and_taken_down_in_turn(self):
        up = False
        for step in figures.plan(figures.ROWS, figures.PEERS, 1, 4):
            if step.startswith("peer "):
                self.assertFalse(up)
                up = True
            elif step == "down":
                self.assertTrue(up)
                up = False
            else:
                self.assertTrue(up)
        self.assertFalse(up)

    def test_rows_that_share_a_measurement_find_it(self):
        results = figures.Results()
        for peer in figures.PEERS:
            results.add("tcp-udp", *measured(peer, 1000000))
        self.assertEqual(set(results.figures(figures.BY_NAME["wg-tcp-gcm"])), {"plain", "certgate", "xfrm", "wireguard"})
        self.assertEqual(set(results.figures(figures.BY_NAME["wg-tcp-chacha"])), {"plain", "wireguard"})


class OtherRows(unittest.TestCase):
    def results(self):
        results = figures.Results()
        for name, peer, elapsed, units, size in (
                ("sa-scale", "plain", 1000, 1, 0), ("sa-scale", "certgate", 3100, 1, 0), ("sa-scale-one", "certgate", 3000, 1, 0),
                ("sa-install", "certgate", 4000, 2, 8000), ("sa-install", "xfrm", 20000, 2, 20000),
                ("revoke", "certgate", 1500, 1, 0), ("revoke", "certgate", 900, 1, 0), ("revoke", "certgate", 900, 1, 0),
                ("revoke-one", "certgate", 600, 1, 0),
                ("cpu2-1", "certgate", 400, 1, 0), ("cpu2-1", "certgate", 300, 1, 0), ("cpu2-2", "certgate", 200, 1, 0)):
            line = "raw %s %s 1 elapsed=%d idle=0 packets=%d bytes=%d lost=0 sealed=- opened=- dropped=-" % (
                name, peer, elapsed, units, size)
            results.add(*figures.parse_raw(line))
        return results

    def line(self, name):
        return figures.bench_line("6.1", figures.BY_NAME[name], self.results().figures(figures.BY_NAME[name]))

    def test_many_sas_to_one_beyond_plain_routing(self):
        self.assertTrue(self.line("sa-scale").endswith("certgate=2100 xfrm=- wireguard=- ratio=1.05"))

    def test_adding_and_memory_of_a_pair(self):
        self.assertTrue(self.line("sa-install").endswith("certgate=2000 xfrm=10000 wireguard=- ratio=0.20"))
        self.assertTrue(self.line("sa-memory").endswith("certgate=4000 xfrm=10000 wireguard=- ratio=0.40"))

    def test_revoking_is_compared_with_ourselves(self):
        self.assertTrue(self.line("revoke").endswith("ratio=1.50"))

    def test_a_revocation_waits_and_that_is_in_its_figure(self):
        results = figures.Results()
        for name, elapsed in (("revoke", 2000400), ("revoke-one", 1000000)):
            results.add(*figures.parse_raw("raw %s certgate 1 elapsed=%d idle=900000 packets=1 bytes=0 lost=0 sealed=- opened=- "
                                           "dropped=-" % (name, elapsed)))
        row = figures.BY_NAME["revoke"]
        found = results.figures(row)
        self.assertEqual((found["certgate"].value, found["one"].value), (2000400, 1000000))
        self.assertEqual(found["one"].note, "of it 100,000 instructions")
        # what misses does not look as if it did not
        self.assertIs(row.reached(found), False)
        self.assertTrue(figures.bench_line("6.1", row, found).endswith("ratio=2.0004"))
        self.assertIn("| 2.0004 of one | at most 2.00 of one, **not reached** |", figures.table("6.1", "note", [(row, found)], 1))
        self.assertIn("NOT REACHED", figures.detail_line(row, found))

    def test_a_limit_that_is_met_just_so(self):
        self.assertEqual([figures.beside(value, 0.6) for value in (0.59996, 0.6, 0.60004, 0.587, 0.7)],
                         ["0.59996", "0.60", "0.60004", "0.59", "0.70"])

    def test_xfrm_has_the_better_of_its_ways(self):
        results = figures.Results()
        for peer, elapsed in (("plain", 1000), ("certgate", 6000), ("xfrm", 21000), ("xfrm_offload", 11000)):
            results.add("tcp-raw", peer, measured(peer, elapsed)[1])
        found = results.figures(figures.BY_NAME["tcp-raw"])
        self.assertEqual(found["xfrm"].value, 100)
        self.assertEqual(found["xfrm"].note, "with `esp4_offload`, without `esp4_offload` 200")
        self.assertNotIn("xfrm_offload", found)

    def test_two_cpus_the_best_of_each(self):
        self.assertIn("certgate=1.50", self.line("cpu2"))
        found = self.results().figures(figures.BY_NAME["cpu2"])
        self.assertEqual(found["certgate"].note, "median 1.75")
        self.assertTrue(figures.BY_NAME["cpu2"].reached(found))
        self.assertEqual(self.results().shortest(("cpu2-1", "cpu2-2")), 200e-9)

    def test_batches_name_what_the_program_adds(self):
        batch = list(figures.xfrm_batch(2, 2))
        self.assertEqual(len(batch), 10)
        self.assertIn("src 10.64.0.1 dst 10.32.0.1 dir out tmpl src 192.0.2.2 dst 192.0.2.1", batch[7])

    def test_the_table_goes_between_its_marks(self):
        row = figures.BY_NAME["revoke"]
        table = figures.table("6.1", "note", [(row, self.results().figures(row))], 1)
        page = figures.replace_tables("a\n%s\nold\n%s\nb\n" % (figures.BEGIN, figures.END), [table])
        self.assertNotIn("old", page)
        self.assertIn("1.50 of one", page)
        # three of ours, where the table has one measurement elsewhere
        self.assertIn("| – | 900 ±33.3 % of 3", page)
        self.assertTrue(page.startswith("a\n") and page.endswith("\nb\n"))
        self.assertRaises(ValueError, figures.replace_tables, "no marks", [table])


class Profile(unittest.TestCase):
    def test_instructions_by_symbol(self):
        symbols = profile_symbols.read_symbols([
            "ffffffff81000100 T second", "ffffffff81000000 t first", "ffffffffc0000000 t ours\t[certgate]",
            "ffffffff81000080 D not_code"])
        counts = profile_symbols.by_symbol(["ffffffff81000000 5", "ffffffff810000ff 6", "ffffffff81000100 7", "ffffffffc0000010 8",
                                            "400000 9"], symbols)
        self.assertEqual(counts, {("first", "kernel"): 11, ("second", "kernel"): 7, ("ours", "certgate"): 8, ("(programs)", "user"): 9})
        self.assertIn("ours [certgate]", profile_symbols.text(counts, 1))


if __name__ == "__main__":
    unittest.main()
