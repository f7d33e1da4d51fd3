# SPDX-License-Identifier: Apache-2.0
"""docs/peers.md, word for word: its files and its command, with an installed labench."""
import json
import os
import re
import subprocess
import unittest

from common import LABENCH, ROOT, Case


def blocks(kind):
    with open(os.path.join(ROOT, "docs", "peers.md")) as f:
        return re.findall(rf"^```{kind}\n(.*?)^```$", f.read(), re.S | re.M)


class Page(Case):
    def install(self):
        prefix = os.path.join(self.dir, "prefix")
        build = os.path.dirname(os.path.dirname(LABENCH))
        subprocess.run([os.environ.get("LABENCH_TEST_CMAKE", "cmake"), "--install", build,
                        "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
        self.env["PATH"] = os.path.join(prefix, "bin") + ":" + self.env["PATH"]
        self.program = os.path.join(prefix, "bin", "labench")
        del self.env["LABENCH_PEER_PATH"]
        return prefix

    def test_the_pages_worker_runs_from_an_installed_copy(self):
        (manifest,), (worker,), (command,) = blocks("json"), blocks("python"), blocks("sh")
        prefix = self.install()
        os.mkdir(os.path.join(self.dir, "mine"))
        for name, text in (("peer.json", manifest), ("toy_worker.py", worker)):
            with open(os.path.join(self.dir, "mine", name), "w") as f:
                f.write(text)
        done = subprocess.run(command, shell=True, cwd=self.dir, env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        rows = self.cells("impl, seqlen, outcome")
        self.assertEqual([row for row in rows if row[0] == "toy_loops"],
                         [("toy_loops", T, "ok") for T in (8, 16, 32)])
        error, = self.ask("SELECT max(value) FROM metric JOIN attempt USING (attempt_id) JOIN cell "
                          "USING (cell_id) WHERE name = 'rel_rms' AND impl = 'toy_loops'")
        self.assertTrue(0 < error[0] < 1e-5, error)
        # The installed copy has its own peers, and does not look into the source tree.
        out, _ = self.run_program("peers", "toy", "--json")
        self.assertTrue(json.loads(out)[0]["manifest"].startswith(os.path.realpath(prefix)), out)

    def test_the_toy_peer_is_the_pages(self):
        for name, kind in (("peer.json", "json"), ("toy_worker.py", "python")):
            with open(os.path.join(ROOT, "peers", "toy", name)) as f:
                self.assertEqual(f.read(), blocks(kind)[0])


if __name__ == "__main__":
    unittest.main()
