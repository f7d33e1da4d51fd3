# SPDX-License-Identifier: Apache-2.0
"""The report in a browser: rendered, clicked, nothing fetched, nothing complained about."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import browser

LABENCH = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "labench"
SKIPPED = 77


def table(column):
    """What stands in a column of the first table of variants that is shown, as JavaScript."""
    return ("Array.from(document.querySelector('.rank:not([hidden]) table').tBodies[0].rows, "
            "r => r.cells[%d].textContent)" % column)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="labench-test-")
        env = {k: v for k, v in os.environ.items() if not k.startswith("LABENCH_")}
        for words in [["run", "--variants", "softmax,flash,linear,fnet,deltanet", "--lengths",
                       "64..256", "--quick", "--tasks", "recall", "--pass", "fwd,decode",
                       "--threads", "1", "--progress", "never"],
                      ["report", "--out", "page.html"]]:
            subprocess.run([LABENCH] + words, cwd=cls.dir, env=env, check=True, timeout=240,
                           stdout=subprocess.DEVNULL)
        cls.path = os.path.join(cls.dir, "page.html")
        cls.page = browser.Browser(browser.find())

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        shutil.rmtree(cls.dir, ignore_errors=True)

    def setUp(self):
        self.page.fresh()

    def check_quiet(self):
        self.assertEqual(self.page.complaints(), [])
        asked = [url for url in self.page.requests() if not url.startswith("data:")]
        self.assertEqual(asked, ["file://" + self.path])

    def test_renders_and_asks_for_nothing(self):
        self.page.open(self.path)
        self.assertRegex(self.page.ask("document.title"), r"^labench sweep [0-9a-f]{8}$")
        self.assertGreaterEqual(self.page.ask("document.querySelectorAll('figure svg').length"), 4)
        box = self.page.ask("(() => { const b = document.querySelector('#fig-time .line')"
                            ".getBoundingClientRect(); return b.width * b.height; })()")
        self.assertGreater(box, 1000)
        self.assertEqual(self.page.ask("getComputedStyle(document.body).backgroundColor"),
                         "rgb(255, 255, 255)")
        self.check_quiet()

    def test_a_column_sorts_both_ways(self):
        self.page.open(self.path)
        shown = ".rank:not([hidden]) table thead th"
        heads = self.page.ask("Array.from(document.querySelectorAll('%s'), h => h.textContent)" % shown)
        forward = heads.index("forward")
        head = "document.querySelectorAll('%s button')[%d]" % (shown, forward)
        values = ("Array.from(document.querySelector('.rank:not([hidden]) table').tBodies[0].rows, "
                  "r => Number(r.cells[%d].dataset.v))" % forward)
        self.page.click(head)
        up = self.page.ask(values)
        self.assertEqual(up, sorted(up))
        self.page.click(head)
        down = self.page.ask(values)
        self.assertEqual(down, sorted(up, reverse=True))
        self.assertNotEqual(up, down)
        self.assertEqual(self.page.ask("document.querySelectorAll('%s')[%d].ariaSort" % (shown, forward)),
                         "descending")
        # What has no number is last both ways: fnet decodes nothing.
        decode = "document.querySelectorAll('%s button')[%d]" % (shown, heads.index("decode"))
        for _ in range(2):
            self.page.click(decode)
            self.assertEqual(self.page.ask(table(0))[-1], "fnet†")
        self.check_quiet()

    def test_a_length_is_chosen(self):
        self.page.open(self.path)
        shown = "Array.from(document.querySelectorAll('.rank:not([hidden]) h4'), h => h.textContent)"
        self.assertEqual(self.page.ask(shown), ["256 tokens"])
        self.page.click("document.querySelector('.choose button[value=\"64\"]')")
        self.assertEqual(self.page.ask(shown), ["64 tokens"])
        self.page.click("document.querySelector('.glance tr[data-t=\"128\"]')")
        self.assertEqual(self.page.ask(shown), ["128 tokens"])
        self.page.click("document.querySelector('.choose button[value=\"0\"]')")
        self.assertEqual(len(self.page.ask(shown)), 3)
        self.check_quiet()

    def test_cells_are_found_by_words(self):
        self.page.open(self.path)
        rows = "Array.from(document.querySelectorAll('#all tbody tr:not([hidden])'), r => r.innerText)"
        every = self.page.ask(rows)
        self.assertEqual(len(every), 5 * 3 * 3)
        self.page.click("document.querySelector('input[type=search]')")
        self.page.type("flash 64 decode")
        found = self.page.ask(rows)
        self.assertEqual(len(found), 1)
        self.assertTrue(re.match(r"flash\s", found[0]), found)
        self.check_quiet()

    def test_a_point_shows_its_value(self):
        self.page.open(self.path)
        self.assertTrue(self.page.ask("document.getElementById('tip').hidden"))
        self.page.move("document.querySelector('#fig-time .p use')")
        self.assertFalse(self.page.ask("document.getElementById('tip').hidden"))
        self.assertRegex(self.page.ask("document.getElementById('tip').textContent"),
                         r"^\w+†? at 64 tokens: [0-9.]+ (ns|µs|ms)")
        self.assertTrue(self.page.ask("document.querySelector('#fig-time svg')"
                                      ".classList.contains('picked')"))
        self.check_quiet()

    def test_night_and_print_have_their_colours(self):
        self.page.media(dark=True)
        self.page.open(self.path)
        back = "getComputedStyle(document.body).backgroundColor"
        self.assertEqual(self.page.ask(back), "rgb(20, 23, 27)")
        stroke = "getComputedStyle(document.querySelector('#fig-time .line')).stroke"
        night = self.page.ask(stroke)
        self.page.media(dark=True, kind="print")
        self.assertEqual(self.page.ask(back), "rgb(255, 255, 255)")
        self.assertNotEqual(self.page.ask(stroke), night)
        self.assertEqual(self.page.ask("getComputedStyle(document.querySelector('nav')).display"),
                         "none")
        self.check_quiet()

    def test_without_scripts_everything_is_there(self):
        self.page.call("Emulation.setScriptExecutionDisabled", value=True)
        self.page.open(self.path)
        # The debugger may still ask; the page's own script did not run.
        self.assertFalse(self.page.ask("document.documentElement.classList.contains('js')"))
        self.assertEqual(self.page.ask("document.querySelectorAll('.rank[hidden]').length"), 0)
        self.assertEqual(self.page.ask("document.querySelectorAll('.rank').length"), 3)
        self.assertGreater(self.page.ask("document.querySelectorAll('#fig-time .p title').length"), 9)
        self.check_quiet()

    def test_a_narrow_window_scrolls_in_its_parts_only(self):
        self.page.size(400, 800)
        self.page.open(self.path)
        self.assertLessEqual(self.page.ask("document.documentElement.scrollWidth"), 400)
        self.check_quiet()


if __name__ == "__main__":
    if not browser.find():
        print("skipped: no Chromium here (package chromium; LABENCH_CHROMIUM names another one)")
        sys.exit(SKIPPED)
    unittest.main()
