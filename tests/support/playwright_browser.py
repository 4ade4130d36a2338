"""A real browser without a window, driven by Playwright: pages that must not complain.

While it runs, this thread has an asyncio loop: a module that uses it has no coroutines as tests,
and calls `asyncio.run` nowhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from dev.debian_packages import require_command
from tests.support.run import Say

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]

ANSWERS_WITHIN = 30.0
_OPTIONS = (
    "--no-sandbox",  # tests run as root, and it visits nothing but their pages
    "--disable-dev-shm-usage",
    # Names that stand for other sites, and one without dots, all for the loopback address.
    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP rtmanager 127.0.0.1",
)
_ABORTED = "net::ERR_ABORTED"
"""A page left a request alone, for instance because it was closed: nobody's fault."""


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest, say: Say) -> Iterator[Browser]:
    """Return a running Chromium.

    The template of all databases is migrated first, which needs an asyncio loop of its own.
    """
    request.getfixturevalue("new_database")
    program = require_command("chromium", "chromium", say)
    expect.set_options(timeout=ANSWERS_WITHIN * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        yield browser
        browser.close()


@dataclass(eq=False)  # Playwright keeps notes in the object whose methods it calls
class Complaints:
    """What a page's console, scripts, security policy and requests have found wrong."""

    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Collect the complaints of all pages of a context."""
        context.on("console", self._console)
        context.on("weberror", lambda each: self.found.append(f"error: {each.error}"))
        context.on("requestfailed", self._failed)

    def check(self, expected: Sequence[str]) -> None:
        """Fail unless each contains one of the expected texts, and each text is in one."""
        others = [each for each in self.found if not any(text in each for text in expected)]
        assert not others, "\n".join(["the page complained:", *others])
        absent = [text for text in expected if not any(text in each for each in self.found)]
        assert not absent, f"expected of the page, but not found: {absent}"

    def _console(self, message: ConsoleMessage) -> None:
        # Violations of the security policy are errors of the console, failed loads as well.
        if message.type in {"error", "warning"}:
            where = message.location["url"]
            self.found.append(f"console: {message.text} ({where})")

    def _failed(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self.found.append(f"request: {request.method} {request.url}: {request.failure}")


@contextmanager
def new_page(
    browser: Browser,
    *,
    size: ViewportSize = DESKTOP,
    scheme: Scheme = "light",
    expected: Sequence[str] = (),
    **options: Any,
) -> Iterator[Page]:
    """Open an empty page, as of a new visitor, for the block, which fails if it complained.

    `expected` are texts of complaints that have to occur.
    """
    context = browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", **options
    )
    context.set_default_timeout(ANSWERS_WITHIN * 1000)
    complaints = Complaints()
    complaints.watch(context)
    try:
        page = context.new_page()
        yield page
        _hear_the_last_of(page)
    except Exception as failure:
        failure.add_note("\n".join(["the page complained:", *complaints.found]))
        raise
    finally:
        context.close()
    complaints.check(expected)


def _hear_the_last_of(page: Page) -> None:
    """Let everything arrive that the page has written before."""
    try:
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    except Error:
        assert page.is_closed()


def check_accessibility(page: Page, known: Sequence[tuple[str, str]] = ()) -> None:
    """Fail with everything in which the page violates the rules of axe.

    `known` names violations that cannot be corrected here, as rule and part of the selector.
    """
    found = [
        f"{violation['id']} ({violation['impact']}): {violation['help']}\n"
        f"    {_selector(node)}\n    {node['html']}\n    {node['failureSummary']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
        if not any(rule == violation["id"] and part in _selector(node) for rule, part in known)
    ]
    assert not found, "\n".join([f"{len(found)} violations at {page.url}", *found])


def _selector(node: dict[str, Any]) -> str:
    return " ".join(map(str, node["target"]))


def fits_the_width(page: Page) -> bool:
    """Return whether nothing is wider than the window: nobody has to scroll sideways."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return wide
