from pathlib import Path

import pytest
from structlog.contextvars import bind_contextvars, get_contextvars
from structlog.testing import capture_logs

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.api_tokens import ApiTokens, line_of
from rtmanager.handlers.bearer_tokens import BearerTokens
from rtmanager.handlers.errors import answer_to
from rtmanager.handlers.middleware import source_of
from rtmanager.handlers.refusals import RefusedRequests, Unauthorized
from rtmanager.telemetry.repeated_events import RepeatedEvents
from tests.unit.handlers.behind import Behind, Header, receive, request

AUTHORIZATION = b"authorization"
GOOD = (AUTHORIZATION, b"Bearer gm-secret")


@pytest.fixture
def tokens(tmp_path: Path) -> ApiTokens:
    """Return a token of the Game Master and one of an admin."""
    path = tmp_path / "tokens"
    path.write_text(f"{line_of('gm-1', 'gm', 'gm-secret')}\n{line_of('bob', 'admin', 'b.o~b=')}")
    path.chmod(0o600)
    return ApiTokens(path)


async def send(tokens: ApiTokens, *headers: Header, path: str = "/x") -> Behind:
    """Send a request with these headers."""
    behind = Behind()
    guard = BearerTokens(behind, tokens=tokens, refusals=RefusedRequests(RepeatedEvents()))
    await guard(request(*headers, path=path), receive, behind.send)
    return behind


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (b"Bearer gm-secret", OpSource.GM_REST),
        (b"bearer   gm-secret", OpSource.GM_REST),
        (b" Bearer gm-secret\t ", OpSource.GM_REST),
        (b"Bearer b.o~b=", OpSource.ADMIN_REST),
    ],
)
@pytest.mark.parametrize("claimed", [b"gm", b"admin", b"lobby"])
async def test_token_decides_about_the_source(
    tokens: ApiTokens, value: bytes, source: OpSource, claimed: bytes
) -> None:
    """A known token passes, and outranks the source that the caller claims."""
    behind = await send(tokens, (AUTHORIZATION, value), (b"x-galaxy-caller", claimed))

    assert source_of(behind.arrived) is source


async def test_log_lines_name_the_holder(tokens: ApiTokens) -> None:
    """Every line of the request has the caller's name, and never the token."""
    await send(tokens, GOOD)

    assert get_contextvars()["caller"] == "gm-1"
    assert "gm-secret" not in str(get_contextvars())


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_no_token(tokens: ApiTokens, path: str) -> None:
    """Load balancers have none; the name of an earlier caller does not stay."""
    bind_contextvars(caller="earlier")
    behind = await send(tokens, path=path)

    assert behind.status == 200
    assert "caller" not in get_contextvars()


@pytest.mark.parametrize("path", ["/", "/healthz/", "/%68ealthz", "/HEALTHZ", "//healthz"])
async def test_everything_else_needs_one(tokens: ApiTokens, path: str) -> None:
    """Unknown paths, and other spellings of those that are open, are not open."""
    with pytest.raises(Unauthorized):
        await send(tokens, path=path)


@pytest.mark.parametrize(
    "values",
    [
        [b""],
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer wrong"],
        [b"Bearer gm-secret x"],
        [b"Bearer gm-secret, Bearer gm-secret"],
        [b"Bearer gm-s\x00ecret"],
        [b"Bearer \xff"],
        [b"Bearer " + b"x" * 10_000],
        [b"Basic gm-secret"],
        [b"gm-secret"],
        [b"Bearer gm-secret", b"Bearer gm-secret"],
        [b"Bearer gm-secret", b"Basic Og=="],
    ],
)
async def test_other_authorization_is_refused(tokens: ApiTokens, values: list[bytes]) -> None:
    """A wrong, malformed or repeated header is 401, and its text is in no answer and no log."""
    with pytest.raises(Unauthorized) as refused, capture_logs() as lines:
        await send(tokens, *((AUTHORIZATION, value) for value in values))
    answer = answer_to(refused.value)

    assert (answer.status, answer.code) == (401, "invalid_request")
    assert answer.headers == {"www-authenticate": 'Bearer error="invalid_token"'}
    assert [line["reason"] for line in lines] == ["unknown_token"]
    assert "secret" not in str((answer, lines))


async def test_missing_token_is_asked_for(tokens: ApiTokens) -> None:
    """The answer says how to send a token, in the form that clients know."""
    with pytest.raises(Unauthorized) as refused, capture_logs() as lines:
        await send(tokens)
    answer = answer_to(refused.value)

    assert (answer.status, answer.headers) == (401, {"www-authenticate": "Bearer"})
    assert "Authorization: Bearer" in answer.message
    assert [line["reason"] for line in lines] == ["no_token"]


async def test_lifespan_passes(tokens: ApiTokens) -> None:
    """The server's own events need no token."""
    behind = Behind()
    guard = BearerTokens(behind, tokens=tokens, refusals=RefusedRequests(RepeatedEvents()))

    await guard({"type": "lifespan"}, receive, behind.send)

    assert behind.arrived == {"type": "lifespan"}


COOKIE = b"cookie"
KEPT = (COOKIE, b"theme=dark; rtm_token=gm-secret")
SITE = b"sec-fetch-site"


@pytest.mark.parametrize(
    "headers",
    [
        [KEPT],
        [KEPT, (SITE, b"same-origin")],
        [KEPT, (SITE, b"none")],
        [(COOKIE, b"theme=dark"), (COOKIE, b"rtm_token=gm-secret")],
    ],
)
async def test_cookie_of_the_console_counts_as_a_token(
    tokens: ApiTokens, headers: list[Header]
) -> None:
    """A browser sends no header by itself; its own pages are named by the same holder."""
    behind = await send(tokens, *headers)

    assert source_of(behind.arrived) is OpSource.GM_REST


@pytest.mark.parametrize(
    "headers",
    [
        [KEPT, (SITE, b"same-site")],
        [KEPT, (SITE, b"cross-site")],
        [KEPT, (SITE, b"same-origin"), (SITE, b"cross-site")],
        [(COOKIE, b"rtm_token=gm-secret; rtm_token=gm-secret")],
        [(COOKIE, b"xrtm_token=gm-secret")],
        [(COOKIE, b"rtm_token=other")],
        [(COOKIE, b'rtm_token="gm-secret"')],
    ],
)
async def test_cookie_counts_only_for_pages_of_ours(
    tokens: ApiTokens, headers: list[Header]
) -> None:
    """A page of another port is the same site, and may not use it; nor may a damaged one pass."""
    with pytest.raises(Unauthorized):
        await send(tokens, *headers)


async def test_header_outranks_the_cookie(tokens: ApiTokens) -> None:
    """Whoever sends a token means that one."""
    with pytest.raises(Unauthorized):
        await send(tokens, KEPT, (AUTHORIZATION, b"Bearer other"))
