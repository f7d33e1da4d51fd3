# SPDX-License-Identifier: Apache-2.0
"""Peers beside ours in a sweep: every pass, one table, one figure; continued, and not mixed."""
import json
import os
import unittest

from common import HERE, Case, impl, manifest

PLAIN = ["--variants", "linear", "--set", "linear.map=identity", "--set", "linear.normalize=0",
         "--rounds", "1", "--time", "0.01", "--max-time", "0.01"]


class Sweeps(Case):
    def test_a_peer_without_the_library_stands_beside_ours(self):
        out, _ = self.sweep(*PLAIN, "--peers", "plain", "--lengths", "8,16", "--pass",
                            "fwd,bwd,fwdbwd,decode")
        rows = self.cells("impl, pass, seqlen, outcome")
        self.assertEqual({row[3] for row in rows}, {"ok"}, rows)
        self.assertEqual(len(rows), 2 * 4 * 2)
        self.assertIn("linear plain_loops", out)
        self.assertIn("linear chunk", out)
        errors = dict(self.ask("SELECT c.pass, max(m.value) FROM metric m JOIN attempt USING "
                               "(attempt_id) JOIN cell c USING (cell_id) WHERE m.name = 'rel_rms' "
                               "AND c.impl = 'plain_loops' GROUP BY c.pass"))
        self.assertEqual(set(errors), {"fwd", "bwd", "fwdbwd", "decode"})
        self.assertTrue(all(0 < e < 1e-5 for e in errors.values()), errors)
        sweep, = os.listdir(os.path.join(self.dir, "results"))
        with open(os.path.join(self.dir, "results", sweep, "time.dat")) as f:
            text = f.read()
        self.assertIn("plain_loops", text)
        origin, code = self.ask("SELECT DISTINCT v.origin, v.code_hash FROM variant v JOIN cell c "
                                "USING (variant_id) WHERE c.impl = 'plain_loops'")[0]
        self.assertEqual(origin, os.path.join(HERE, "plain", "peer.json"))
        self.assertEqual(len(code), 32)

    def test_gradients_of_a_long_cell_are_checked_on_a_short_one(self):
        with open(os.path.join(HERE, "bad", "bad_worker.py")) as f:
            worker = f.read()
        row = manifest("bad", ["python3", "w.py"],
                       [impl("bad_none", variant="copy", passes=["fwdbwd"]),
                        impl("bad_short_gradient", variant="copy", passes=["fwdbwd"])])
        folder = self.write_peer(row, **{"w.py": worker})
        self.sweep("--variants", "copy", "--peers", folder, "--lengths", "1k,3k", "--pass",
                   "fwdbwd", "--rounds", "1", code=1)
        found = {(name, T): outcome for name, T, outcome in self.cells("impl, seqlen, outcome")}
        self.assertEqual(found["bad_none", 1024], "ok")
        self.assertEqual(found["bad_none", 3072], "ok")
        self.assertEqual(found["bad_short_gradient", 1024], "ok")
        self.assertEqual(found["bad_short_gradient", 3072], "wrong")

    def say(self, folder, version):
        with open(os.path.join(folder, "version"), "w") as f:
            f.write(version)

    def versioned(self):
        """The plain peer, with a version that a file tells."""
        with open(os.path.join(HERE, "plain", "plain_worker.py")) as f:
            worker = f.read()
        said = '"version": open(os.path.join(os.path.dirname(__file__), "version")).read()'
        self.assertIn('"version": "plain 1"', worker)
        row = manifest("mine", ["python3", "w.py"],
                       [impl("mine_loops", variant="linear", options={"map": ["identity"],
                                                                      "normalize": "*"})])
        folder = self.write_peer(row, **{"w.py": worker.replace('"version": "plain 1"', said)})
        self.say(folder, "one")
        return folder

    def test_versions_are_not_mixed_and_a_sweep_is_continued(self):
        folder = self.versioned()
        words = [*PLAIN, "--peers", folder, "--lengths", "8", "--pass", "fwd"]
        self.sweep(*words)
        codes = "SELECT DISTINCT v.code_hash FROM variant v JOIN cell c USING (variant_id) " \
                "WHERE c.impl = 'mine_loops'"
        self.assertEqual(len(self.ask(codes)), 1)
        self.sweep(*words)
        self.assertEqual(len(self.ask(codes)), 1)
        self.say(folder, "two")
        self.sweep(*words)
        self.assertEqual(len(self.ask(codes)), 2)
        self.assertEqual(len(self.ask("SELECT DISTINCT spec_hash FROM sweep")), 2)
        # What ended badly can be done again without the rest.
        os.rename(os.path.join(folder, "w.py"), os.path.join(folder, "w.away"))
        with open(os.path.join(folder, "w.py"), "w") as f:
            f.write("import sys\nif '--probe' in sys.argv:\n"
                    "    print('{\"usable\": true, \"version\": \"three\"}')\n")
        self.sweep(*words, code=1)
        self.assertEqual(self.cells()[-1][1], "error")
        attempts = len(self.ask("SELECT 1 FROM attempt"))
        _, err = self.sweep(*words, "--retry", "failed", code=1)
        self.assertIn("continuing sweep", err)
        self.assertEqual(len(self.ask("SELECT 1 FROM attempt")), attempts + 1)

    def test_impls_options_and_masks_are_chosen(self):
        folder = self.versioned()
        def names(*words, code=0):
            out, _ = self.sweep("--variants", "linear", "--peers", f"plain,{folder}", "--lengths",
                                "8", "--pass", "fwd", "--dry-run", "--json", *words, code=code)
            return {c["impl"]: c["outcome"] for c in json.loads(out)["cells"]} if not code else out
        identity = ["--set", "linear.map=identity"]
        bare = ["--set", "linear.normalize=0"]
        self.assertEqual(names(*identity, *bare), {"cpu_chunk": "planned", "mine_loops": "planned",
                                                   "plain_loops": "planned"})
        self.assertEqual(names(*identity)["plain_loops"], "unsupported")  # wants normalize 0
        self.assertEqual(names(*identity)["mine_loops"], "planned")       # takes any
        self.assertEqual(names()["mine_loops"], "unsupported")            # elu
        self.assertEqual(set(names(*identity, *bare, "--impls", "mine_loops")),
                         {"mine_loops"})
        self.assertEqual(set(names(*identity, *bare, "--impls", "mine_loops,chunk")),
                         {"cpu_chunk", "mine_loops"})
        self.assertEqual(set(names(*identity, *bare, "--impls", "recurrent")),
                         {"cpu_recurrent", "mine_loops", "plain_loops"})
        masked = names(*identity, *bare, "--mask", "bidirectional")
        self.assertEqual(masked["plain_loops"], "unsupported")
        self.assertNotEqual(masked["cpu_chunk"], "unsupported")

    def test_a_cell_names_the_command_that_measures_it_again(self):
        self.sweep(*PLAIN, "--peers", "plain", "--lengths", "8", "--pass", "fwd")
        key, = self.ask("SELECT cell_key FROM cell WHERE impl = 'plain_loops'")
        out, _ = self.run_program("show", key[0])
        again = [line for line in out.splitlines() if "labench run" in line]
        self.assertTrue(again, out)
        self.assertIn("--peers " + os.path.join(HERE, "plain", "peer.json"), again[0])
        self.run_program(*again[0].split()[1:], "--rounds", "1")
        self.assertEqual(self.cells()[-1][:2], ("plain_loops", "ok"))
        self.assertEqual(len(self.cells()), 3)


if __name__ == "__main__":
    unittest.main()
