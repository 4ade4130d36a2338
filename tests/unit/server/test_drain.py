from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from rtmanager.server.drain import LastAnswers


async def test_answers_end_their_connections_once_the_drain_has_begun() -> None:
    """Before it, connections are kept; the answer itself stays as it is."""
    app = LastAnswers(Starlette(routes=[Route("/", lambda _: PlainTextResponse("answered"))]))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        before = await client.get("/")
        app.begin()
        after = await client.get("/")

    assert "connection" not in before.headers
    assert after.headers.get("connection") == "close"
    assert (after.status_code, after.text) == (200, "answered")
