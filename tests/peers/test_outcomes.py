# SPDX-License-Identifier: Apache-2.0
"""Peers that misbehave: each bad habit costs its own row only, and has the right word there."""
import json
import os
import signal
import subprocess
import time
import unittest

from common import HERE, SMALL, Case, impl, manifest

# habit: outcome, what the message says
HABITS = {
    "none": ("ok", None),
    "exit_7": ("ok", None),  # its last record counts
    "quoted": ("ok", None),
    "wrong": ("wrong", "relative rms error"),
    "nan": ("nonfinite", "1 of "),
    "unwritten": ("nonfinite", "it was not written"),
    "inputs": ("error", "changed its input v"),
    "hang": ("timeout", "peer: measure"),
    "deaf": ("timeout", "peer: start"),
    "abort": ("crash", "SIGABRT in phase 'measure'"),
    "segv": ("crash", "SIGSEGV"),
    "killed": ("killed", "SIGKILL"),
    "raise": ("error", "exit code 1"),
    "silent_exit": ("error", "no end record"),
    "no_end": ("error", "no end record"),
    "half": ("error", "inside a record"),
    "memory": ("oom_host", "limit 600 MiB"),
    "child_memory": ("oom_host", "limit 600 MiB"),
    "garbage": ("error", "protocol: a record begins with"),
    "crc": ("error", "protocol: a record's checksum"),
    "json": ("error", "protocol: a record that is no JSON object"),
    "type": ("error", "protocol: no record has type 17"),
    "negative": ("error", "protocol: a sample"),
    "no_start": ("error", "protocol: the first record is no start"),
    "two_starts": ("error", "protocol: a second start"),
    "protocol": ("error", "protocol: a worker of another protocol"),
    "after_end": ("error", "protocol: a record after the end"),
    "no_samples": ("error", "has no samples"),
    "claims": ("error", "protocol: an outcome that a worker cannot have"),
    "unsupported": ("unsupported", "not on a Friday"),
    "oom_device": ("oom_device", "the device is full"),
}


class Outcomes(Case):
    def test_each_habit_has_its_word(self):
        with open(os.path.join(HERE, "bad", "bad_worker.py")) as f:
            worker = f.read()
        folder = self.write_peer(
            manifest("bad", ["python3", "bad_worker.py"],
                     [impl("bad_" + habit, variant="copy") for habit in HABITS]),
            **{"bad_worker.py": worker})
        # A limit for those that only it ends; Python alone takes seconds to start on a busy machine.
        slow = ["bad_" + habit for habit, (outcome, _) in HABITS.items() if outcome == "timeout"]
        others = ["cpu_plain"] + ["bad_" + habit for habit in HABITS if "bad_" + habit not in slow]
        for impls, timeout, code in ((slow, "10", 0), (others, "120", 1)):
            self.sweep("--variants", "copy", "--peers", folder, "--lengths", "16", "--pass", "fwd",
                       "--rounds", "1", "--memory-limit", "600M", "--timeout", timeout, "--impls",
                       ",".join(impls), code=code)
        found = {name: (outcome, message) for name, outcome, message in self.cells()}
        for habit, (outcome, words) in HABITS.items():
            with self.subTest(habit):
                got, message = found["bad_" + habit]
                self.assertEqual(got, outcome, message)
                if words:
                    self.assertIn(words, message or "")
        self.assertEqual([row for row in found if row.startswith("cpu_")], ["cpu_plain"])
        timed = self.ask("SELECT DISTINCT c.impl FROM sample s JOIN attempt a USING (attempt_id) "
                         "JOIN cell c USING (cell_id) WHERE c.impl LIKE 'bad%' ORDER BY 1")
        self.assertEqual(timed, [("bad_exit_7",), ("bad_none",), ("bad_quoted",)])
        tail, = self.ask("SELECT stderr_tail FROM attempt JOIN cell USING (cell_id) "
                         "WHERE impl = 'bad_raise'")
        self.assertIn("the library is broken", tail[0])
        self.assertEqual(self.running(folder), [])

    def test_wrong_gradients_are_found(self):
        with open(os.path.join(HERE, "plain", "plain_worker.py")) as f:
            worker = f.read()
        broken = worker.replace("if u >= t:", "if u > t:")
        self.assertNotEqual(broken, worker)
        row = manifest("half", ["python3", "w.py"],
                       [impl("half_loops", variant="linear", passes=["fwd", "fwdbwd", "bwd"],
                             options={"map": ["identity"], "normalize": [0]})])
        folder = self.write_peer(row, **{"w.py": broken})
        self.sweep("--variants", "linear", "--peers", folder, "--lengths", "16", "--pass",
                   "fwd,bwd,fwdbwd", "--rounds", "1", "--set", "linear.map=identity", "--set",
                   "linear.normalize=0", code=1)
        found = {(name, how): (outcome, message)
                 for name, how, outcome, message in self.cells("impl, pass, outcome, message")}
        self.assertEqual(found["half_loops", "fwd"][0], "ok")
        for how in ("bwd", "fwdbwd"):
            self.assertEqual(found["half_loops", how][0], "wrong")
            self.assertIn("dk", found["half_loops", how][1])

    def running(self, word):
        """Processes whose command line has the word in it."""
        found = subprocess.run(["ps", "-ww", "-eo", "args"], stdout=subprocess.PIPE, text=True).stdout
        return [line for line in found.splitlines() if word in line]

    def wait_for(self, what):
        end = time.monotonic() + 60
        while not what() and time.monotonic() < end:
            time.sleep(0.05)
        self.assertTrue(what())

    def test_a_peer_never_outlives_labench(self):
        with open(os.path.join(HERE, "bad", "bad_worker.py")) as f:
            worker = f.read()
        folder = self.write_peer(manifest("bad", ["python3", "bad_worker.py"],
                                          [impl("bad_hang", variant="copy")]),
                                 **{"bad_worker.py": worker})
        program = os.path.join(folder, "bad_worker.py")
        for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
            with self.subTest(how):
                one = subprocess.Popen([self.program, "run", *SMALL, "--variants", "copy",
                                        "--peers", folder, "--lengths", "16", "--pass", "fwd",
                                        "--rounds", "1", "--new", "--order", "given"],
                                       cwd=self.dir, env=self.env, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
                self.addCleanup(one.kill)
                self.wait_for(lambda: [line for line in self.running(program)
                                       if "--probe" not in line])
                one.send_signal(how)
                self.assertEqual(one.wait(20), code)
                self.wait_for(lambda: not self.running(program))

    def test_a_missing_program_is_unsupported_with_the_install_command(self):
        for command, reason in ((["no-such-program-anywhere"], "cannot start"),
                                (["false"], "exit code 1"), (["echo", "hello"], "no JSON"),
                                (["sh", "none.sh"], "No module named 'mine'")):
            with self.subTest(command):
                answer = json.dumps({"usable": False, "reason": "No module named 'mine'"})
                folder = self.write_peer(manifest("mine", command, [impl("mine_a")]),
                                         **{"none.sh": f'cat <<"END"\n{answer}\nEND\n'})
                self.sweep("--variants", "softmax", "--peers", folder, "--lengths", "8", "--pass",
                           "fwd", "--rounds", "1", "--new")
                name, outcome, message = self.cells()[-1]
                self.assertEqual((name, outcome), ("mine_a", "unsupported"))
                self.assertIn(reason, message)
                self.assertTrue(message.endswith("install: pip install mine"), message)


if __name__ == "__main__":
    unittest.main()
