"""A headless Chromium, steered over a pipe by its own protocol: no package, no port."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--remote-debugging-pipe",
)
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_GL = ("--disable-3d-apis",)
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "ArrowUp": 38, "ArrowDown": 40, "Enter": 13, "Tab": 9}


def find_browser():
    """Give the path of a Chromium, or None; the variable DISPR_BROWSER names another."""
    given = os.environ.get("DISPR_BROWSER")
    return given or next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A browser process with one page."""

    def __init__(self, path, profile, flags=SOFTWARE_GL):
        to_browser, from_browser = os.pipe(), os.pipe()

        def place():
            # The protocol's ends must be 3 and 4.
            theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_browser[0], from_browser[1])]
            for fd, number in zip(theirs, (3, 4), strict=True):
                os.dup2(fd, number)

        self.log = open(profile / "log", "wb")  # noqa: SIM115 - closed in close
        self.process = subprocess.Popen(
            [path, *QUIET, *flags, f"--user-data-dir={profile / 'data'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            close_fds=False,
            preexec_fn=place,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        self.write_fd, self.read_fd = to_browser[1], from_browser[0]
        self.buffer = b""
        self.number = 0
        self.session = None
        self.errors, self.requests = [], []
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def close(self):
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write_fd)
        os.close(self.read_fd)
        self.log.close()

    def send(self, method, **parameters):
        """Call the protocol and wait for the answer; collect errors and requests meanwhile."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self.write_fd, content) :]
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def receive(self, timeout=60):
        """Read one message."""
        end = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read_fd], [], [], max(0, end - time.monotonic()))
            part = os.read(self.read_fd, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("the browser does not answer")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def note(self, event):
        """Keep what went wrong and what was asked for."""
        method, found = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = found["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning"):
            self.errors.append(str([part.get("description") for part in found["args"]]))
        elif method == "Log.entryAdded" and found["entry"]["level"] in ("error", "warning"):
            self.errors.append(found["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"])

    def look(self, width=900, height=560, dark=False, mobile=False):
        """Choose size, colours and kind of the screen."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path, hash_=""):
        """Open a file and wait until it has drawn."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=f"{path.resolve().as_uri()}{hash_}")
        self.wait_for("document.documentElement?.dataset.part !== undefined")

    def evaluate(self, code):
        """Give the value of an expression, or of what it promises."""
        result = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, code, timeout=20):
        """Wait until an expression is true."""
        end = time.monotonic() + timeout
        while not self.evaluate(code):
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {code}; {self.errors}")
            time.sleep(0.05)

    def settle(self):
        """Wait until the page has drawn twice."""
        self.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def middle(self, selector):
        """Scroll to an element and give its middle."""
        box = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return box

    def mouse(self, kind, x, y, buttons=0):
        """Move, press or release the mouse."""
        button = "none" if kind == "mouseMoved" and not buttons else "left"
        self.send(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button=button,
            buttons=buttons,
            clickCount=0 if kind == "mouseMoved" else 1,
        )

    def click(self, selector):
        """Click into the middle of an element."""
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y, 1)
        self.mouse("mouseReleased", x, y)
        self.settle()

    def drag(self, selector, dx, dy):
        """Drag from the middle of an element."""
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y, 1)
        for step in range(1, 6):
            self.mouse("mouseMoved", x + dx * step / 5, y + dy * step / 5, 1)
        self.mouse("mouseReleased", x + dx, y + dy)
        self.settle()

    def swipe(self, selector, dx, dy):
        """Drag with a finger."""
        x, y = self.middle(selector)
        self.touch("touchStart", x, y)
        for step in range(1, 6):
            self.touch("touchMove", x + dx * step / 5, y + dy * step / 5)
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def touch(self, kind, x, y):
        """Put a finger on the screen."""
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])

    def press(self, key, settle=True):
        """Press and release a key."""
        code = KEYS.get(key, 0)
        known = {"key": key, "windowsVirtualKeyCode": code}
        if len(key) == 1:
            known["text"] = key
        self.send("Input.dispatchKeyEvent", type="keyDown", **known)
        self.send("Input.dispatchKeyEvent", type="keyUp", **known)
        if settle:
            self.settle()

    def fill(self, selector, value):
        """Set a control's value as a user's choice does."""
        self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            f"e.value = {json.dumps(value)};"
            "for (const n of ['input', 'change']) e.dispatchEvent(new Event(n, {bubbles: true}));"
            "})()"
        )
        self.settle()

    def screenshot(self, path=None, selector=None, whole=False):
        """Give the page, or an element of it, as PNG."""
        clip = {}
        if selector:
            # The head of the page stays in view, and would cover what is scrolled.
            self.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            box = self.evaluate(
                f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
                ".getBoundingClientRect();"
                "return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height,"
                "scale: 1}; })()"
            )
            clip = {"clip": box}
        found = self.send(
            "Page.captureScreenshot", captureBeyondViewport=whole or bool(selector), **clip
        )
        content = base64.b64decode(found["data"])
        if path:
            path.write_bytes(content)
        return content
