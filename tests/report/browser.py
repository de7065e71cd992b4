"""A headless Chromium that is spoken to through a pipe, with nothing but the standard library.

The protocol: messages of JSON that end in a zero byte, on file descriptors 3 and 4 of the browser
(https://chromedevtools.github.io/devtools-protocol, `--remote-debugging-pipe`).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CHROMIUM", "Browser", "open_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--hide-scrollbars")
_COMPLAINTS = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


@dataclass
class Browser:
    """A browser with one page; `complaints` are what its console says, `requests` what it asks for."""

    reads: int
    writes: int
    session: str | None = None
    count: int = 0
    rest: bytes = b""
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; what happens meanwhile is noted."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while (found := self._next()).get("id") != self.count:
            self._note(found)
        assert "error" not in found, found
        result: dict[str, Any] = found["result"]
        return result

    def show(self, url: str, width: int, height: int, scheme: str) -> None:
        """Load a page in a window of this size, in a light or a dark scheme."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=url)
        while (found := self._next()).get("method") != "Page.loadEventFired":
            self._note(found)

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript gives."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self) -> bytes:
        """Return what the window shows, as a PNG."""
        data: str = self.ask("Page.captureScreenshot", format="png")["data"]
        return base64.b64decode(data)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            data = os.read(self.reads, 1 << 20)
            assert data, "the browser is gone"
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, found: dict[str, Any]) -> None:
        if found.get("method") in _COMPLAINTS:
            self.complaints.append(json.dumps(found["params"]))
        if found.get("method") == "Network.requestWillBeSent":
            self.requests.append(found["params"]["request"]["url"])


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Start a browser that keeps its files in a folder of its own, and end it."""
    assert CHROMIUM is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"]
    script = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    done = subprocess.Popen(
        ["bash", "-c", script, "bash", *command],
        pass_fds=(to_browser[0], from_browser[1]),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    browser = Browser(from_browser[0], to_browser[1])
    try:
        page = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.ask(f"{domain}.enable")
        yield browser
        browser.session = None
        browser.ask("Browser.close")
    finally:
        done.kill()
        done.wait()
        os.close(to_browser[1])
        os.close(from_browser[0])
