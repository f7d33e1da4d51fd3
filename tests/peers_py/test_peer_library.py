# SPDX-License-Identifier: Apache-2.0
"""peers/labench_peer.py: records, the stop rule, and whole attempts over real descriptors."""
import json
import math
import os
import subprocess
import sys
import unittest
import zlib

import peer_driver as driver

sys.path.insert(0, driver.PEERS)
import labench_peer as peer  # noqa: E402

TOY = os.path.join(driver.HERE, "toy_worker.py")
RULE = {"min_time_s": 0.3, "max_time_s": 1.5, "target": 0.03, "min_samples": 3,
        "max_samples": 0, "slow_s": 10}


def toy(impl, T=6, rule=None, **more):
    shape = (1, T, 1, 4)
    job = driver.make_job("linear", impl, {"v": ("in", shape), "o": ("out", shape)}, T=T,
                          rule=rule, **more)
    return driver.run(TOY, job, {"v": [float(i) for i in range(4 * T)]})


class Clock:
    """Time that passes by what is called alone; reading it costs `cost` ns."""

    def __init__(self, cost=50):
        self.t, self.cost = 0, cost

    def __call__(self):
        self.t += self.cost
        return self.t


class Records(unittest.TestCase):
    def test_a_record_has_the_header_of_the_protocol(self):
        data = peer.pack_record(peer.PHASE, {"phase": "x"})
        self.assertEqual(data[:12], b"LABR" + bytes([2, 0, 0, 0, 13, 0, 0, 0]))
        self.assertEqual(int.from_bytes(data[12:16], "little"), zlib.crc32(data[:12] + data[16:]))
        self.assertEqual(data[16:], b'{"phase":"x"}')
        self.assertEqual(driver.parse_records(data), [("phase", {"phase": "x"})])

    def test_a_record_refuses_what_is_no_json(self):
        with self.assertRaises(ValueError):
            peer.pack_record(peer.END, {"call_ns": math.nan})


class StopRule(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()
        self.kept, peer._now = peer._now, self.clock

    def tearDown(self):
        peer._now = self.kept

    def timing(self, times, rule=RULE, first=0, **more):
        """A call whose n-th run takes times(n) ns."""
        self.calls = 0

        def call():
            self.calls += 1
            self.clock.t += int(times(self.calls))
        return peer.Timing(call, rule, first, **more)

    def test_ranks_cover_the_median_with_95_percent(self):
        # From tables of the sign test.
        for n, ranks in {5: (0, 0), 6: (1, 6), 8: (1, 8), 9: (2, 8), 10: (2, 9), 20: (6, 15),
                         40: (14, 27), 100: (40, 61)}.items():
            self.assertEqual(peer.median_ranks(n), ranks, n)

    def test_half_width_is_of_the_medians_interval(self):
        samples = [[1, x] for x in (10, 1, 9, 2, 8, 3, 7, 4, 6, 5)]
        self.assertAlmostEqual(peer.half_width(samples), (9 - 2) / (2 * 5.5))
        self.assertTrue(math.isnan(peer.half_width(samples[:5])))

    def test_a_steady_call_stops_at_the_first_look_after_the_least_time(self):
        t = self.timing(lambda n: 5e6)
        self.assertEqual((t.stop_reason, len(t.samples)), ("target", 60))  # which are 0.3 s
        self.assertEqual({iters for iters, _ in t.samples}, {1})
        self.assertEqual(t.warmup_iters, 4)  # 20 ms
        self.assertEqual(self.calls, 64)

    def test_the_next_look_is_at_twice_as_many(self):
        # Wide at the first look and settled by no earlier one; narrow as soon as most are alike.
        t = self.timing(lambda n: 5e6 if n > 70 else 2e6 + n * 1e5)
        at_first = next(n for n in range(1, 99) if sum(s for _, s in t.samples[:n]) >= 0.3e9)
        self.assertGreater(peer.half_width(t.samples[:at_first]), RULE["target"])
        self.assertLess(peer.half_width(t.samples[:2 * at_first - 1]), RULE["target"])
        self.assertEqual((t.stop_reason, len(t.samples)), ("target", 2 * at_first))

    def test_a_short_call_is_repeated_within_a_sample(self):
        t = self.timing(lambda n: 1000)
        self.assertEqual({iters for iters, _ in t.samples},
                         {math.ceil(1e6 / (1000 + self.clock.cost))})

    def test_a_devices_clock_is_taken_instead_of_ours(self):
        t = self.timing(lambda n: 7e9, first=7_000_000_000, timed=lambda: 2e6)
        self.assertEqual(self.calls, 0)  # its timer makes the calls
        self.assertEqual({(iters, ns) for iters, ns in t.samples}, {(1, 2_000_000)})
        self.assertEqual((t.warmup_iters, t.warmup_ns), (150, 300_000_000))
        self.assertNotEqual(t.stop_reason, "slow")  # what the first call took is no sample

    def test_what_goes_on_before_a_sample_makes_samples_single_calls(self):
        seen = []
        t = self.timing(lambda n: 1000, before=lambda: seen.append(1), rule=dict(RULE, max_samples=7))
        self.assertEqual((t.stop_reason, [i for i, _ in t.samples]), ("samples", [1] * 7))
        self.assertEqual(len(seen), 7 + t.warmup_iters)

    def test_a_wide_call_ends_with_its_time(self):
        t = self.timing(lambda n: 5e6 if n % 2 else 50e6)
        self.assertIn(t.stop_reason, ("max_time", "settled"))
        self.assertGreaterEqual(sum(ns for _, ns in t.samples), 0.3e9)

    def test_a_wide_call_has_samples_for_an_interval(self):
        t = self.timing(lambda n: 4e8 if n % 2 else 5.5e8)
        self.assertEqual((t.stop_reason, len(t.samples)), ("max_time", 6))  # 1.5 s are over with the fourth

    def test_a_slow_call_has_three_samples_and_no_warm_up(self):
        t = self.timing(lambda n: 7e8, first=700_000_000)
        self.assertEqual((t.stop_reason, len(t.samples), t.warmup_iters), ("slow", 3, 0))

    def test_slow_calls_are_as_many_as_fit_twelve_times_the_most_time(self):
        t = self.timing(lambda n: 7e8, first=700_000_000, rule=dict(RULE, max_time_s=0.1))
        self.assertEqual((t.stop_reason, len(t.samples)), ("slow", 2))

    def test_a_very_slow_call_is_its_own_sample(self):
        t = self.timing(lambda n: 11e9, first=11_000_000_000)
        self.assertEqual((t.stop_reason, t.samples, self.calls), ("slow", [[1, 11_000_000_000]], 0))

    def test_sync_is_inside_the_time(self):
        def sync():
            self.clock.t += 7_000_000
        t = self.timing(lambda n: 1e6, sync=sync)
        self.assertTrue(all(ns > 8e6 for _, ns in t.samples))


class Attempts(unittest.TestCase):
    def test_an_attempt_computes_and_tells(self):
        records, out, status = toy("toy_sum")
        end = driver.end_of(records)
        self.assertEqual((status, end["outcome"]), (0, "ok"), end)
        self.assertEqual(records[0], ("start", {"protocol": 2, "pid": records[0][1]["pid"]}))
        self.assertEqual(list(out["o"])[-4:], [60.0, 66.0, 72.0, 78.0])
        samples = [s for kind, r in records if kind == "samples" for s in r["samples"]]
        self.assertGreaterEqual(len(samples), 3)
        self.assertTrue(all(iters >= 1 and ns > 0 for iters, ns in samples))
        self.assertGreater(end["call_ns"], 0)
        self.assertGreater(end["rss_base_bytes"], 1 << 20)
        self.assertGreaterEqual(end["rss_peak_bytes"], 1 << 20)
        self.assertEqual(end["software"], "toy 1")

    def test_publishing_is_not_part_of_a_call(self):
        records, out, _ = toy("toy_publish")
        self.assertEqual(driver.end_of(records)["workspace_peak_bytes"], 4711)
        self.assertEqual(list(out["o"]), [2.0 * i for i in range(24)])

    def test_many_samples_come_in_several_records(self):
        rule = dict(driver.QUICK, min_samples=2000, max_samples=2000, max_time_s=60)
        records, _, _ = toy("toy_publish", rule=rule)
        lengths = [len(r["samples"]) for kind, r in records if kind == "samples"]
        self.assertEqual(lengths, [512, 512, 512, 464])

    def test_a_peer_may_decline(self):
        records, _, status = toy("toy_declines", T=5)
        end = driver.end_of(records)
        self.assertEqual((status, end["outcome"], end["message"]),
                         (0, "unsupported", "T = 5 is not even"))

    def test_an_unknown_impl_is_unsupported(self):
        self.assertEqual(driver.end_of(toy("toy_missing")[0])["outcome"], "unsupported")

    def test_an_exception_is_an_error_with_its_text(self):
        end = driver.end_of(toy("toy_fails")[0])
        self.assertEqual(end["outcome"], "error")
        self.assertEqual(end["message"], "ZeroDivisionError: division by zero")

    def test_memory_that_is_not_there_is_told_of(self):
        self.assertEqual(driver.end_of(toy("toy_hungry")[0])["outcome"], "oom_host")

    def test_a_death_leaves_no_end(self):
        records, _, status = toy("toy_dies")
        self.assertEqual((status, records[-1][0]), (3, "phase"))

    def test_the_first_calls_memory_is_seen(self):
        end = driver.end_of(toy("toy_grows")[0])
        self.assertGreater(end["rss_peak_bytes"] - end["rss_base_bytes"], 60 << 20)

    def test_a_tensor_outside_the_file_is_refused(self):
        shape = (1, 6, 1, 4)
        job = driver.make_job("linear", "toy_sum", {"v": ("in", shape), "o": ("out", shape)}, T=6)
        job["tensors"]["o"]["offset"] = 1 << 20
        end = driver.end_of(driver.run(TOY, job)[0])
        self.assertEqual(end["outcome"], "error")
        self.assertIn("tensor o", end["message"])


class Probes(unittest.TestCase):
    def probe(self, *args, **env):
        return subprocess.run([sys.executable, TOY, *args], capture_output=True, text=True,
                              env=dict(os.environ, PYTHONPATH=driver.PEERS, **env), check=False)

    def test_a_probe_prints_one_object_and_nothing_else(self):
        said = self.probe("--probe")
        answer = json.loads(said.stdout)
        self.assertEqual((said.returncode, answer["usable"], answer["version"]), (0, True, "toy 1"))
        self.assertEqual(answer["unusable"], {"toy_never": "never anywhere"})
        self.assertIn("greeting", said.stderr)

    def test_a_probe_says_what_is_missing(self):
        said = self.probe("--probe", TOY_MISSING="1")
        self.assertEqual(json.loads(said.stdout),
                         {"usable": False, "reason": "No module named 'toy'"})

    def test_a_module_that_is_not_there_is_the_reason(self):
        said = self.probe("--probe", TOY_REQUIRE="1")
        self.assertEqual(said.returncode, 0)
        self.assertIn("no_such_module_anywhere", json.loads(said.stdout)["reason"])

    def test_started_by_hand_it_says_what_it_is(self):
        said = self.probe()
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("labench --peers", said.stderr)


if __name__ == "__main__":
    unittest.main()
