import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from rtmanager.handlers.metrics_page import MetricsPage

OPEN = b"application/openmetrics-text;version=1.0.0"


class Page:
    """A page, a clock, and what was written and passed on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.written: list[str] = []
        self.passed_on: list[str] = []
        self.page = MetricsPage(self._pass_on, self._text, lambda: self.now)

    async def get(self, path: str = "/metrics", accept: bytes = b"", method: str = "GET") -> bytes:
        """Return the body of the answer."""
        sent: list[Message] = []
        headers = [(b"accept", accept)]
        scope = {"type": "http", "method": method, "path": path, "headers": headers}

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        await self.page(scope, receive, send)
        return b"".join(each.get("body", b"") for each in sent)

    def _text(self, accept: str) -> tuple[bytes, str]:
        self.written.append(accept)
        return f"text {len(self.written)}".encode(), "text/plain"

    async def _pass_on(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.passed_on.append(scope["path"])


async def test_all_who_ask_within_a_second_share_one_text() -> None:
    """Nobody can keep the event loop busy by asking for the metrics."""
    page = Page()

    first = [await page.get(), await page.get(method="HEAD")]
    page.now += 1.0

    assert first == [b"text 1", b"text 1"]
    assert await page.get() == b"text 2"


async def test_each_format_is_written_for_itself() -> None:
    """Who accepts OpenMetrics gets that, although another has asked just before."""
    page = Page()

    assert [await page.get(), await page.get(accept=OPEN)] == [b"text 1", b"text 2"]
    assert page.written == ["", OPEN.decode()]


async def test_other_paths_are_passed_on_and_other_methods_refused() -> None:
    """The page is at exactly one path, and is only read."""
    page = Page()
    await page.get("/metrics2")

    assert page.passed_on == ["/metrics2"]
    with pytest.raises(HTTPException) as refused:
        await page.get(method="POST")
    assert refused.value.status_code == 405
    assert page.written == []
