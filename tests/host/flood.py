#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real certgated, with nothing below it, under a flood of IKE_SA_INIT from invented addresses (docs/trust.md): prints KTAP. flood.sh runs it.

In two network namespaces of its own, with what tests/bench/ike/run has for its measurements; from a process of certgated that has no ranks for
datagrams it is seen that they make the difference.
"""

import importlib.machinery
import importlib.util
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "CERTGATE_FLOOD_INSIDE"
SITES, BEFORE = 40, 20  # those that are there before the flood begins
ROUNDS = 8
OVERLOAD = 5  # of so many datagrams that are sent there is time for one
WITHIN = 4.0  # seconds, for what takes a tenth of a second without a flood
MEMORY = 32 << 20


def load_bench():
    loader = importlib.machinery.SourceFileLoader("bench_ike", os.path.join(TOP, "tests/bench/ike/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_ike", loader))
    loader.exec_module(module)
    return module


BENCH = load_bench()


class Ranked(BENCH.Certgate):
    anybody = True


class Unranked(Ranked):
    program = "bench/certgated-unranked"


class Sites(BENCH.Initiator):
    text = b""

    def within(self, phase, first, last, seconds, all_there):
        """How long it took; None: longer than that. all_there() is asked all the time, and does not come back if it is in vain to wait."""
        begin = time.monotonic()
        all_there()
        self.process.stdin.write("%s %u %u\n" % (phase, first, last))
        self.process.stdin.flush()
        while True:
            left = begin + seconds - time.monotonic()
            if left <= 0:
                return None
            if not select.select([self.process.stdout], [], [], min(left, 0.2))[0]:
                all_there()
                continue
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                self.process.wait(1)
                all_there()
            *lines, self.text = (self.text + more).split(b"\n")
            if any(line.startswith(b"done ") for line in lines):
                return time.monotonic() - begin


class Results:
    def __init__(self, planned):
        self.n = 0
        self.failed = False
        print("1..%u" % planned, flush=True)

    def result(self, good, text):
        self.n += 1
        self.failed |= not good
        print("%s %u %s" % ("ok" if good else "not ok", self.n, text), flush=True)


def note(text):
    print("# " + text, flush=True)


def say_time(seconds):
    return "not in %.1f s" % WITHIN if seconds is None else "%.2f s" % seconds


class Attack:
    """A responder, its sites, some of them up, and the flood. All of it is gone when the block ends, however it does."""

    def __init__(self, kind, namespace, root):
        self.folder = tempfile.mkdtemp(dir=root)
        os.chmod(self.folder, 0o755)
        self.responder = kind(namespace, self.folder, SITES)
        self.sites = self.flood = None
        self.memory = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.flood, self.sites and self.sites.process:
            if one:
                one.kill()
                one.wait()
        if self.responder in BENCH.Responder.running:
            self.responder.stop()

    def all_there(self):
        """Without one of them nothing that is looked at says anything."""
        for what, process in ("the flood", self.flood), ("the process of all sites", self.sites.process), ("the responder", self.responder.process):
            if process and process.poll() is not None:
                BENCH.fail("%s has ended, with status %d" % (what, process.returncode))
        for pid in self.responder.pids:
            if not os.path.exists("/proc/%u" % pid):
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    note("the responder's log: " + "".join(log.readlines()[-5:]).replace("\n", "\n# "))
                BENCH.fail("a process of the responder, %u, has ended" % pid)

    def within(self, phase, first, last, seconds=WITHIN):
        return self.sites.within(phase, first, last, seconds, self.all_there)

    def begin(self):
        programs = os.path.join(BENCH.BUILD, "bench")
        subprocess.run([programs + "/ike-load", "make", self.folder, "p256"], check=True)
        self.sites = Sites(self.folder, "p256", SITES, SITES)
        self.responder.start()
        if self.within("handshakes", 1, BEFORE, 30) is None:
            BENCH.fail("no connection came up without a flood")
        self.memory = BENCH.memory_bytes(self.responder.pids)
        self.flood = subprocess.Popen([programs + "/ike-flood", BENCH.RESPONDER, str(OVERLOAD)], stdout=subprocess.PIPE, text=True)
        time.sleep(1)

    def end(self):
        """What the flood and the responder say of it."""
        self.all_there()
        self.flood.terminate()
        note("the flood: " + self.flood.communicate(timeout=20)[0].strip())
        status = subprocess.run([os.path.join(BENCH.BUILD, "certgate"), "--socket", os.path.join(self.folder, "control.sock"), "status"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False).stdout
        for line in status.splitlines():
            if "for want of time" in line:
                note(line.strip())


def ranked(attack, results):
    attack.begin()
    took = attack.within("rekeys", 1, BEFORE)
    results.result(took is not None, "%u peers that are up rekey under a flood: %s" % (BEFORE, say_time(took)))
    took = attack.within("handshakes", BEFORE + 1, SITES)
    results.result(took is not None, "%u peers get in under it: %s" % (SITES - BEFORE, say_time(took)))
    rounds = []
    for _ in range(ROUNDS):
        time.sleep(0.3)
        rounds.append(attack.within("rekeys", 1, SITES))
        if rounds[-1] is None:
            break
    took = None if None in rounds else max(rounds)
    results.result(took is not None, "all rekey, %u times: the slowest %s" % (ROUNDS, say_time(took)))
    more = BENCH.memory_bytes(attack.responder.pids) - attack.memory
    results.result(more < MEMORY, "memory grows by less than %u MiB: %.1f MiB" % (MEMORY >> 20, more / (1 << 20)))
    attack.end()


def unranked(attack, results):
    """What it would be without ranks: this very test sees the difference.

    Most requests are lost then, not all: the line is short whenever the flood waits for a CPU, and all of a round may come just then. So there are as many rounds
    as with ranks.
    """
    attack.begin()
    rounds = 0
    took = 0.0
    while took is not None and rounds <= ROUNDS:
        rounds += 1
        took = attack.within("rekeys", 1, BEFORE)
    results.result(took is None, "without ranks they do not: round %u of %u: %s" % (rounds, 1 + ROUNDS, say_time(took)))
    attack.end()


def inside():
    root = tempfile.mkdtemp(prefix="certgate-flood.")
    os.chmod(root, 0o755)
    results = Results(5)
    namespace = None
    try:
        namespace = BENCH.make_namespace()
        for kind, judge in (Ranked, ranked), (Unranked, unranked):
            with Attack(kind, namespace, root) as attack:
                judge(attack, results)
    finally:
        if namespace:
            namespace.kill()
            namespace.wait()
        shutil.rmtree(root)
    return 1 if results.failed else 0


def main():
    if os.environ.get(INSIDE):
        return inside()
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--kill-child", "--fork", "--", sys.executable] + sys.argv)
    return 1


if __name__ == "__main__":
    sys.exit(main())
