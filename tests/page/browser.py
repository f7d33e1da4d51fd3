# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium over its debugging pipe: JSON messages that end with a NUL byte, no library needed."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find():
    """The program's path, or None."""
    own = os.environ.get("LABENCH_CHROMIUM")
    for name in [own] if own else NAMES:
        path = shutil.which(name)
        if path:
            return path
    return None


class Browser:
    """One page at a time. `events` holds everything the browser told of it."""

    def __init__(self, path, width=1280, height=900, dark=False):
        self.home = tempfile.mkdtemp(prefix="labench-chromium-")
        to_read, self.write = os.pipe()
        self.read, to_write = os.pipe()

        def pipes():  # the browser reads commands from 3 and writes answers to 4
            reading, writing = os.dup(to_read), os.dup(to_write)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self.process = subprocess.Popen(
            [path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", "--user-data-dir=" + self.home, "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--mute-audio",
             "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=pipes, pass_fds=(3, 4))
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.last, self.target = b"", 0, None
        self.fresh(width, height, dark)

    def fresh(self, width=1280, height=900, dark=False):
        """Another page in the place of the present one."""
        self.session, self.events = None, []
        before, self.target = self.target, self.call("Target.createTarget", url="about:blank")["targetId"]
        if before:
            self.call("Target.closeTarget", targetId=before)
        self.session = self.call("Target.attachToTarget", targetId=self.target,
                                 flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(domain + ".enable")
        self.size(width, height)
        if dark:
            self.media(dark=True)

    def message(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self.read, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser is silent" if not ready else "the browser ended")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self.message(deadline)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def wait(self, event):
        deadline = time.monotonic() + 60
        seen = len(self.events)
        while not any(e.get("method") == event for e in self.events[seen:]):
            self.events.append(self.message(deadline))

    def open(self, path):
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        if not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.wait("Page.loadEventFired")

    def size(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=False)

    def media(self, dark=False, kind=""):
        self.call("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def ask(self, expression):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def center(self, expression):
        """Of an element, in the window, after scrolling to it."""
        return self.ask("(() => { const e = %s; e.scrollIntoView({block: 'center'}); "
                        "const b = e.getBoundingClientRect(); "
                        "return [b.x + b.width / 2, b.y + b.height / 2]; })()" % expression)

    def move(self, expression):
        x, y = self.center(expression)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, expression):
        x, y = self.center(expression)
        for kind in ["mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def shoot(self, path, whole=False):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))

    def complaints(self):
        """Errors and warnings of the console, and what scripts threw."""
        said = []
        for event in self.events:
            kind, params = event.get("method"), event.get("params", {})
            if kind == "Runtime.exceptionThrown":
                said.append(params["exceptionDetails"].get("text", "exception"))
            elif kind == "Runtime.consoleAPICalled":
                said.append("console." + params["type"])
            elif kind == "Log.entryAdded":
                said.append(params["entry"]["level"] + ": " + params["entry"]["text"])
        return said

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events
                if e.get("method") == "Network.requestWillBeSent"]

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(20)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.home, ignore_errors=True)
