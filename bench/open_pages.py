"""Open pages of the console: many that do what its script does, and a real one in a browser."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from playwright.async_api import Page, async_playwright

from bench.environment import console
from dev.debian_packages import require_command

LIST, ROWS, EVENTS = "/console/", "/console/rows", "/api/v1/operator/events"
PAUSE, REST = 0.1, 0.7
"""Seconds for which a page collects events before it asks for the rows, and between two times."""
MANY = 40
"""Changed games above which a page asks for the whole list."""

# When each row was changed last; the page's own script changes them.
_WATCH = """() => {
  window.changed = {};
  const note = (row) => { if (row?.id) window.changed[row.id] = Date.now(); };
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      note(target.closest("tr"));
      addedNodes.forEach((each) => each.closest && note(each.closest("tr")));
    }
  }).observe(
    document.getElementById("games"), { childList: true, subtree: true, attributes: true },
  );
}"""


@dataclass
class OpenPage:
    """A visible list of games, as far as the service notices: its stream and what it fetches."""

    client: httpx.AsyncClient
    events: int = 0
    fetches: int = 0
    is_live: asyncio.Event = field(default_factory=asyncio.Event)
    _version: str = ""
    _changed: set[str] = field(default_factory=set)
    _as_of: str = ""
    _begun: float = 0.0
    _update: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Load the page and follow the events until cancelled."""
        self._version = (await self._get(LIST)).headers["etag"]
        try:
            async with self.client.stream("GET", EVENTS) as answer:
                answer.raise_for_status()
                await self._follow(answer.aiter_lines())
        finally:
            if self._update:
                self._update.cancel()

    async def _follow(self, lines: AsyncIterator[str]) -> None:
        sent: dict[str, str] = {}
        async for line in lines:
            if line:
                name, _, value = line.partition(": ")
                sent[name] = value
                continue
            if sent.get("event") == "ready":
                await self._refresh(sent["id"])
                self.is_live.set()
            elif "event" in sent:
                self._received(sent)
            sent = {}

    def _received(self, sent: dict[str, str]) -> None:
        self.events += 1
        self._changed.add(json.loads(sent["data"])["game_id"])
        self._as_of = sent["id"]
        if self._update is None or self._update.done():
            self._update = asyncio.create_task(self._fetch_rows())

    async def _fetch_rows(self) -> None:
        while self._changed:
            loop_time = asyncio.get_running_loop().time
            await asyncio.sleep(max(PAUSE, self._begun + REST - loop_time()))
            self._begun = loop_time()
            games, self._changed = sorted(self._changed), set()
            self.fetches += 1
            if len(games) > MANY:
                await self._refresh(self._as_of)
            else:
                await self._get(ROWS, [("game", each) for each in games], self._as_of)

    async def _refresh(self, as_of: str) -> None:
        answer = await self._get(LIST, as_of=as_of, version=self._version)
        self._version = answer.headers["etag"]

    async def _get(
        self,
        path: str,
        query: list[tuple[str, str]] | None = None,
        as_of: str = "",
        version: str = "",
    ) -> httpx.Response:
        headers = {"last-event-id": as_of, "if-none-match": version}
        sent = {name: value for name, value in headers.items() if value}
        answer = await self.client.get(path, params=query, headers=sent)  # type: ignore[arg-type]
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer


@asynccontextmanager
async def open_pages(url: str, count: int) -> AsyncIterator[list[OpenPage]]:
    """Keep this many pages open for the block; each has a stream, and they load one by one."""
    # Shorter than the service keeps a connection, so that none is closed when it is used again.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        pages = [OpenPage(client) for _ in range(count)]
        async with asyncio.TaskGroup() as running:
            tasks = []
            for page in pages:
                tasks.append(running.create_task(page.run()))
                await page.is_live.wait()
            yield pages
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def real_page(url: str) -> AsyncIterator[Page]:
    """Show the list in a browser for the block; `changed` there has the time of each row."""
    program = require_command("chromium", "chromium", console.print)
    options = ["--no-sandbox", "--disable-dev-shm-usage"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=options)
        page = await browser.new_page(bypass_csp=True)
        await page.goto(f"{url}{LIST}")
        await page.get_by_text("Live", exact=True).wait_for()
        await page.wait_for_load_state("networkidle")
        await page.evaluate(_WATCH)
        yield page
        await browser.close()


async def row_changed_at(page: Page, game: str) -> float:
    """Return when the row of a game has changed, waiting for it, in seconds since the epoch."""
    name = json.dumps(f"game-{game}")
    found = await page.wait_for_function(f"window.changed[{name}]", timeout=10_000, polling=20)
    at: float = await found.json_value()
    await page.evaluate("window.changed = {}")
    return at / 1000
