# SPDX-License-Identifier: Apache-2.0
"""scripts/cpu-limits: its tables are what a database holds, and say which bars are reached."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import unittest

from common import LABENCH, ROOT, Case

SCRIPT = os.path.join(ROOT, "scripts", "cpu-limits")


def load():
    loader = importlib.machinery.SourceFileLoader("cpu_limits", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cpu_limits", loader))
    loader.exec_module(module)
    return module


class Limits(Case):
    def test_a_bar_is_judged_from_both_sides(self):
        limits = load()
        for measured, said in ((None, "not measured"), (2.1, "goal"), (1.6, "gate"), (1.4, "**missed**")):
            self.assertEqual(limits.verdict(limits.bar("b", 1.5, 2, measured)), said)
        self.assertEqual(limits.verdict(limits.bar("b", 1.05, None, 1.04, "", True)), "gate")
        self.assertEqual(limits.verdict(limits.bar("b", 1.05, None, 1.06, "", True)), "**missed**")
        self.assertEqual(limits.verdict(limits.bar("b", None, None, 1)), "")
        self.assertAlmostEqual(limits.slope([(t, 3 * t ** 2) for t in (8, 16, 64)]), 2)

    def test_a_gain_stands_beside_the_one_at_one_clock(self):
        limits = load()
        row = dict.fromkeys(limits.COLUMNS)
        row.update(variant="linear", impl="cpu_chunk", batch=1)
        # Medians over all rounds would be 40 and 20; each round has a clock of its own, and one lacks a partner.
        table = limits.Table([dict(row, threads=1, median_ns=40, turns={0: 30, 1: 40, 2: 45, 3: 9},
                                   shares={0: .6, 1: .5, 2: .6}),
                              dict(row, threads=2, median_ns=20, turns={0: 20, 1: 20, 2: 30},
                                   shares={0: .57, 1: .5, 2: .57}),
                              dict(row, threads=1, median_ns=72, turns={0: 63, 1: 72, 2: 81}, shares={}, batch=2),
                              dict(row, threads=2, median_ns=36, turns={0: 36, 1: 36, 2: 54}, shares={}, batch=2)])
        self.assertEqual([(b["what"], round(b["is"], 9), limits.verdict(b)) for b in limits.threads_bars(table)], [
            ("linear with B H = 1, 2 threads against 1", 1.5, "**missed**"),
            ("linear, the same at one clock", 1.9, "goal"),
            ("linear, 2 sequences on 2 threads against one", 1.8, ""),
            ("linear, 2 sequences, 2 threads against 1", 1.75, "")])
        self.assertIsNone(limits.ratio(table.rows[0], None))
        self.assertEqual(limits.share_words(dict(row, pct_beside=57.1, pct_beside_lo=56, pct_beside_hi=58.04), True),
                         "57.1 (56.0 .. 58.0)")

    def test_tables_come_from_the_newest_sweep_of_a_section(self):
        for heads in ("1", "2"):
            self.run_program("run", "--variants", "fnet", "--lengths", "64", "--heads", heads, "--dk",
                             "8", "--pass", "fwd", "--tasks", "none", "--quick", "--threads", "1",
                             "--label", "limits-fnet", "--new", "--db", "l.db", "--progress", "never")
        subprocess.run([sys.executable, "-B", SCRIPT, "--tables", "--db", "l.db", "--out", "out"],
                       cwd=self.dir, env=dict(self.env, LABENCH=LABENCH), check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(self.dir, "out", "bars.json")) as f:
            self.assertEqual([(b["what"], b["is"]) for b in json.load(f)],
                             [("fnet fwd, before torch", None)])
        with open(os.path.join(self.dir, "out", "fnet.md")) as f:
            text = f.read()
        self.assertIn("not measured", text)
        self.assertEqual(text.count("| cpu_fft |"), 1)


if __name__ == "__main__":
    unittest.main()
