# SPDX-License-Identifier: Apache-2.0
"""What the tests of peers share: labench run as a person runs it, in a folder of its own."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LABENCH = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "labench"
SMALL = ["--dk", "4", "--heads", "2", "--threads", "1", "--tasks", "none", "--progress", "never"]


def impl(name, **more):
    """An impl of a manifest, good unless told otherwise."""
    row = {"variant": "softmax", "name": name, "device": "cpu", "masks": ["causal"],
           "passes": ["fwd"], "dtypes": ["f32"], "summary": "for a test"}
    row.update(more)
    return {key: value for key, value in row.items() if value is not None}


def manifest(name, command, impls, **more):
    row = {"name": name, "summary": "for a test", "install": "pip install " + name,
           "command": command, "impls": impls}
    row.update(more)
    return {key: value for key, value in row.items() if value is not None}


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="labench-test-")
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith("LABENCH_") or key == "LABENCH_PYTHON"}
        self.env["LABENCH_PEER_PATH"] = HERE
        self.program = LABENCH

    def tearDown(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def run_program(self, *words, code=0):
        """stdout and stderr of the program, whose exit code must be `code`."""
        done = subprocess.run([self.program, *words], cwd=self.dir, env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def sweep(self, *words, code=0):
        return self.run_program("run", *SMALL, *words, code=code)

    def write_peer(self, row, **files):
        """A folder with peer.json and files; returns its path."""
        folder = os.path.join(self.dir, "peer_" + str(len(os.listdir(self.dir))))
        os.mkdir(folder)
        with open(os.path.join(folder, "peer.json"), "w") as f:
            f.write(row if isinstance(row, str) else json.dumps(row))
        for name, text in files.items():
            path = os.path.join(folder, name)
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, 0o755)
        return folder

    def cells(self, columns="impl, outcome, message"):
        """Rows of the database's cells."""
        db = sqlite3.connect(os.path.join(self.dir, "labench.db"))
        try:
            return db.execute(f"SELECT {columns} FROM v_cell ORDER BY cell_id").fetchall()
        finally:
            db.close()

    def ask(self, sql):
        db = sqlite3.connect(os.path.join(self.dir, "labench.db"))
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()
