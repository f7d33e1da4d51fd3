# SPDX-License-Identifier: Apache-2.0
"""Manifests: a wrong one is refused with its file and the reason; names, paths and folders."""
import json
import os
import unittest

from common import Case, impl, manifest


def good(**more):
    row = manifest("mine", ["true"], [impl("mine_a")])
    row.update(more)
    return {key: value for key, value in row.items() if value is not None}


def with_impl(**more):
    return manifest("mine", ["true"], [impl(**{"name": "mine_a", **more})])


WRONG = [
    ("{", "no JSON object"),
    ("[1]", "no JSON object"),
    ('{"name": "mine"} trailing', "no JSON object"),
    (good(name=None), "has no text 'name'"),
    (good(name="Mine"), "small letters"),
    (good(name="cpu"), "small letters"),
    (good(summary=""), "has no text 'summary'"),
    (good(install=None), "has no text 'install'"),
    (good(install="a\nb"), "control character"),
    (good(instal="x"), "unknown member 'instal'"),
    (good(command=[]), "has no list 'command'"),
    (good(command="true"), "has no list 'command'"),
    (good(command=["a", 1]), "not all text"),
    (good(impls=[]), "has no list 'impls'"),
    (good(impls=[1]), "is no object"),
    (good(impls=[impl("mine_a"), impl("mine_a")]), "is there twice"),
    (with_impl(name="other_a"), "<peer>_<form>"),
    (with_impl(name="mine"), "<peer>_<form>"),
    (with_impl(variant=None), "has no text 'variant'"),
    (with_impl(device="tpu"), "cpu or cuda, not 'tpu'"),
    (with_impl(masks=[]), "has no list 'masks'"),
    (with_impl(masks=["kausal"]), "unknown word 'kausal'"),
    (with_impl(passes=["train"]), "unknown word 'train'"),
    (with_impl(dtypes=["f8"]), "unknown word 'f8'"),
    (with_impl(grouped_kv=1), "true or false for 'grouped_kv'"),
    (with_impl(mask=["causal"]), "unknown member 'mask'"),
    (with_impl(options=[]), "options that are no object"),
    (with_impl(options={"map": ["elu"]}), "that its variant lacks: 'map'"),
    (with_impl(variant="linear", options={"map": "elu"}), "wants a list of values"),
    (with_impl(variant="linear", options={"map": [True]}), "words or numbers"),
]


class Manifests(Case):
    def test_a_wrong_manifest_is_refused_with_file_and_reason(self):
        for row, reason in WRONG:
            with self.subTest(reason):
                folder = self.write_peer(row)
                _, err = self.run_program("peers", folder, code=2)
                self.assertIn(os.path.join(folder, "peer.json"), err)
                self.assertIn(reason, err)

    def test_a_good_one_may_name_a_variant_that_is_not_there(self):
        row = manifest("mine", ["true"], [impl("mine_a", variant="not_yet_written")])
        out, _ = self.run_program("peers", self.write_peer(row))
        self.assertIn("no such variant", out)

    def test_peers_are_found_by_name_path_and_folder(self):
        answer = json.dumps({"usable": True, "version": "mine 7"})
        row = manifest("mine", ["sh", "say.sh"], [impl("mine_a")])
        folder = self.write_peer(row, **{"say.sh": f'cat <<"END"\n{answer}\nEND\n'})
        home = os.path.join(self.dir, "home")
        os.mkdir(home)
        os.rename(folder, os.path.join(home, "mine"))
        self.env["LABENCH_PEER_PATH"] = home
        for word in ("mine", "./home/mine", "home/mine/peer.json", os.path.join(home, "mine")):
            out, _ = self.run_program("peers", word)
            self.assertIn("mine 7", out)
        self.env["LABENCH_PEER_PATH"] = os.path.join(home, "mine")  # a peer's own folder
        out, _ = self.run_program("peers", "mine", "--json")
        row, = json.loads(out)
        self.assertEqual((row["name"], row["usable"], row["version"]), ("mine", True, "mine 7"))
        self.assertEqual([i["name"] for i in row["impls"]], ["mine_a"])
        _, err = self.run_program("peers", "mime", code=2)
        self.assertIn("Nearest: mine", err)

    def test_the_list_goes_on_after_a_wrong_one(self):
        self.write_peer("{")
        self.write_peer(good())
        self.env["LABENCH_PEER_PATH"] = self.dir
        out, err = self.run_program("peers", code=2)
        self.assertIn("mine", out)
        self.assertIn("no JSON object", err)

    def test_the_environment_says_where_the_library_is(self):
        row = manifest("mine", ["python3", "say.py"], [impl("mine_a")])
        say = ("import json, os, labench_peer\n"
               "print(json.dumps({'usable': True, 'version': os.environ['LABENCH_PEER_LIB']}))\n")
        out, _ = self.run_program("peers", self.write_peer(row, **{"say.py": say}))
        library = out.split("usable")[1].split()[0]
        self.assertTrue(os.path.isfile(os.path.join(library, "labench_peer.py")), out)

    def test_a_sweep_refuses_what_no_peer_has(self):
        base = ["run", "--lengths", "8", "--dry-run"]
        folder = self.write_peer(good())
        _, err = self.run_program(*base, "--variants", "linear", "--peers", folder, code=2)
        self.assertIn("it has no variant of this sweep", err)
        _, err = self.run_program(*base, "--variants", "softmax", "--peers", "none_such", code=2)
        self.assertIn("no peer 'none_such'", err)
        _, err = self.run_program(*base, "--variants", "softmax", "--peers", f"{folder},{folder}",
                                  code=2)
        self.assertIn("twice", err)
        _, err = self.run_program(*base, "--variants", "softmax", "--peers", f"all,{folder}",
                                  code=2)
        self.assertIn("every peer already", err)


if __name__ == "__main__":
    unittest.main()
