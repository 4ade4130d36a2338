"""A real browser without a window, driven by its DevTools protocol through a pair of pipes."""

import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dev.debian_packages import require_command
from tests.support.run import Say

ANSWERS_WITHIN = 30.0
_POLL_SECONDS = 0.02
_ABOVE_THE_PIPES = 10
# Chromium reads commands from descriptor 3 and writes answers to 4.
_ON_PIPES = 'exec "${@:3}" 3<&"$1" 4>&"$2"'
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root, and it visits nothing but their pages
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--remote-debugging-pipe",
    # Names that stand for other sites, and one without dots, all for the loopback address.
    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP rtmanager 127.0.0.1",
)


@dataclass
class Browser:
    """A running browser; its pages are used one after another."""

    process: subprocess.Popen[bytes]
    commands: int
    answers: int
    events: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0
    _read: bytes = b""

    @contextmanager
    def page(self, url: str) -> Iterator["Page"]:
        """Open a page for the block and wait until it is loaded, even if it is refused."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Log", "Runtime"):
            page.send(f"{domain}.enable")
        page.open(url)
        yield page
        self.send("Target.closeTarget", targetId=target)

    def send(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that arrive meanwhile are kept."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        command |= {"sessionId": session} if session else {}
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._number:
            self.events.append(message)
        assert "error" not in message, message
        return dict(message["result"])

    def wait_for_event(self, method: str, session: str) -> None:
        """Wait for an event of a page, which may have arrived already."""
        while not any(
            each["method"] == method and each.get("sessionId") == session for each in self.events
        ):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            assert select.select([self.answers], [], [], ANSWERS_WITHIN)[0], "the browser is silent"
            received = os.read(self.answers, 1 << 16)
            assert received, "the browser has ended"
            self._read += received
        message, _, self._read = self._read.partition(b"\0")
        return dict(json.loads(message))


@dataclass(frozen=True)
class Page:
    """An open page."""

    browser: Browser
    session: str

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the page."""
        return self.browser.send(method, session=self.session, **params)

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self.browser.events.clear()
        self.send("Page.navigate", url=url)
        self.browser.wait_for_event("Page.loadEventFired", self.session)

    def run(self, script: str) -> Any:
        """Run a script as the page itself would, wait for its promise, and return its value."""
        result = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait for what the page's own scripts do."""
        deadline = time.monotonic() + ANSWERS_WITHIN
        while not self.run(condition):
            assert time.monotonic() < deadline, f"still not: {condition}"
            time.sleep(_POLL_SECONDS)

    @property
    def complaints(self) -> list[str]:
        """What the browser has written to the page's console since it was opened."""
        self.run("0")  # everything that was written before has arrived then
        found = [each["params"] for each in self.browser.events if _is_complaint(each)]
        return [each.get("entry", {}).get("text", "") or json.dumps(each) for each in found]


def _is_complaint(event: dict[str, Any]) -> bool:
    return event["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}


@contextmanager
def running_browser(program: str, directory: Path) -> Iterator[Browser]:
    """Run a browser that keeps everything in the directory."""
    commands_end, commands = _pipe()
    answers, answers_end = _pipe()
    options = [*_OPTIONS, f"--user-data-dir={directory / 'profile'}"]
    process = subprocess.Popen(
        ["bash", "-c", _ON_PIPES, "bash", str(commands_end), str(answers_end), program, *options],
        pass_fds=(commands_end, answers_end),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_end)
    os.close(answers_end)
    browser = Browser(process, commands, answers)
    try:
        yield browser
        browser.send("Browser.close")
        process.wait(ANSWERS_WITHIN)
    finally:
        process.kill()
        process.wait()
        os.close(commands)
        os.close(answers)


def _pipe() -> tuple[int, int]:
    """Return a pipe with high numbers, so that moving one end to 3 or 4 cannot replace another."""
    reading, writing = os.pipe()
    moved = [
        fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _ABOVE_THE_PIPES) for each in (reading, writing)
    ]
    os.close(reading)
    os.close(writing)
    return moved[0], moved[1]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[Browser]:
    """Return a running Chromium."""
    program = require_command("chromium", "chromium", say)
    with running_browser(program, tmp_path_factory.mktemp("browser")) as found:
        yield found
