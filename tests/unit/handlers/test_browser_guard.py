from collections.abc import Iterable

import pytest
from starlette.types import Scope

from rtmanager.handlers.browser_guard import BrowserGuard
from rtmanager.handlers.errors import answer_to
from rtmanager.handlers.refusals import RefusalReason, RefusedRequest, RefusedRequests
from rtmanager.telemetry.repeated_events import RepeatedEvents
from tests.unit.handlers.behind import Behind, Header, receive, request

HOST = b"host"
SITE = b"sec-fetch-site"
ORIGIN = b"origin"
HERE = (HOST, b"localhost:8096")
SAFE = ["GET", "HEAD", "OPTIONS"]
UNSAFE = ["POST", "DELETE", "PUT", "PATCH", "TRACE", "BREW"]
TRUSTED = "https://ops.example.org"


async def send(method: str, *headers: Header, scheme: str = "http") -> RefusalReason | None:
    """Send a request; return why it was refused, None if it arrived."""
    return await pass_on(request(*headers, method=method, scheme=scheme))


async def pass_on(scope: Scope) -> RefusalReason | None:
    """Give the guard a request; return why it was refused, None if it arrived."""
    behind = Behind()
    guard = BrowserGuard(
        behind,
        refusals=RefusedRequests(RepeatedEvents()),
        allowed_hosts=["rtm.example.org"],
        trusted_origins=[TRUSTED, "http://ops.example.org:80"],
    )
    try:
        await guard(scope, receive, behind.send)
    except RefusedRequest as refused:
        assert behind.arrived == {}
        return refused.reason
    assert behind.status == 200
    return None


@pytest.mark.parametrize("method", [*SAFE, *UNSAFE])
@pytest.mark.parametrize(
    "host",
    [b"127.0.0.1:8096", b"[::1]:8096", b"localhost", b"rtmanager", b"RTM.example.org.:8096"],
)
async def test_host_of_this_service_passes(host: bytes, method: str) -> None:
    """Addresses, names without dots and allowed names pass with every method."""
    assert await send(method, (HOST, host)) is None


@pytest.mark.parametrize("method", [*SAFE, *UNSAFE])
@pytest.mark.parametrize(
    "host", [b"evil.example", b"x.rtm.example.org", b"example.org", b"2130706433", b"ai."]
)
async def test_foreign_host_is_refused(host: bytes, method: str) -> None:
    """A page whose name was rebound to this service reads nothing and changes nothing."""
    own_page = [(SITE, b"same-origin"), (ORIGIN, b"http://" + host)]

    assert await send(method, (HOST, host), *own_page) is RefusalReason.FOREIGN_HOST


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    "hosts", [[], [b""], [b"a b"], [b"user@localhost"], [b"localhost", b"localhost"]]
)
async def test_request_without_one_valid_host_is_refused(hosts: list[bytes], method: str) -> None:
    """A missing, repeated or malformed Host header is no request that a client may send."""
    reason = await send(method, *((HOST, host) for host in hosts))

    assert reason is RefusalReason.INVALID_HOST


PROBE = {"http_version": "1.0", "method": "GET", "path": "/healthz"}


@pytest.mark.parametrize("more", [{}, {"method": "HEAD"}, {"path": "/readyz"}])
async def test_old_health_check_needs_no_host(more: dict[str, str]) -> None:
    """Load balancers ask in HTTP/1.0, which has no Host, and learn nothing that is secret."""
    assert await pass_on(request(**PROBE | more)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"http_version": "1.1"},
        {"method": "POST"},
        {"method": "OPTIONS"},
        {"path": "/"},
        {"path": "/api/v1/internal/runtimes"},
        {"path": "/healthz/"},
        {"path": "/openapi.json"},
    ],
)
async def test_everything_else_needs_a_host(more: dict[str, str]) -> None:
    """Only what everybody may know is answered under no name."""
    assert await pass_on(request(**PROBE | more)) is RefusalReason.INVALID_HOST


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ([b""], RefusalReason.INVALID_HOST),
        ([b"a b"], RefusalReason.INVALID_HOST),
        ([b"localhost", b"localhost"], RefusalReason.INVALID_HOST),
        ([b"evil.example"], RefusalReason.FOREIGN_HOST),
    ],
)
async def test_host_of_an_old_health_check_counts(
    hosts: list[bytes], reason: RefusalReason
) -> None:
    """A caller that sends a Host is held to it."""
    assert await pass_on(request(*((HOST, host) for host in hosts), **PROBE)) is reason


BLANKS = [b"%s ", b"%s\t ", b" %s"]


@pytest.mark.parametrize("form", BLANKS)
@pytest.mark.parametrize(
    "header", [(SITE, b"same-origin"), (ORIGIN, b"http://localhost:8096"), (ORIGIN, b"%s")]
)
async def test_blanks_around_a_value_are_no_part_of_it(form: bytes, header: Header) -> None:
    """HTTP permits them, and some clients and proxies send them."""
    name, value = header
    value = value.replace(b"%s", TRUSTED.encode())

    assert await send("POST", (HOST, form % HERE[1]), (name, form % value)) is None


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"none", b"", b"?"])
@pytest.mark.parametrize("origin", [b"http://evil.example", b"null"])
async def test_safe_methods_may_come_from_anywhere(method: str, site: bytes, origin: bytes) -> None:
    """What changes nothing is answered; the browser keeps the answer from the page."""
    assert await send(method, HERE, (SITE, site), (ORIGIN, origin)) is None


@pytest.mark.parametrize("method", UNSAFE)
async def test_caller_that_is_no_browser_passes(method: str) -> None:
    """Without Sec-Fetch-Site and Origin the caller is a program, such as the Game Master."""
    assert await send(method, HERE, (b"user-agent", b"curl/8")) is None


OWN, FOREIGN = b"http://localhost:8096", b"http://evil.example"
OTHER_SITES = [b"cross-site", b"same-site", b"", b"Same-Origin", b"same-origin, none", b"\xff"]
ORIGINS: list[bytes | None] = [None, OWN, FOREIGN, b"null", b""]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("site", [b"same-origin", b"none"])
@pytest.mark.parametrize("origin", ORIGINS)
async def test_page_of_this_service_and_the_user_pass(
    method: str, site: bytes, origin: bytes | None
) -> None:
    """The browser itself vouches for its own page, or for the user, whatever the Origin."""
    assert await send(method, HERE, (SITE, site), *_maybe(origin)) is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("site", OTHER_SITES)
@pytest.mark.parametrize("origin", ORIGINS)
async def test_page_of_another_site_is_refused(
    method: str, site: bytes, origin: bytes | None
) -> None:
    """Any other value of Sec-Fetch-Site is refused, even with an Origin of this service."""
    reason = await send(method, HERE, (SITE, site), *_maybe(origin))

    assert reason is RefusalReason.FOREIGN_ORIGIN


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost:8096", OWN),
        (b"LOCALHOST:8096", b"http://LocalHost:8096"),
        (b"localhost:80", b"http://localhost"),
        (b"localhost", b"http://localhost:80"),
        (b"[::1]:8096", b"http://[::1]:8096"),
        (b"rtm.example.org.", b"http://rtm.example.org."),
    ],
)
async def test_own_origin_passes_without_sec_fetch_headers(host: bytes, origin: bytes) -> None:
    """Browsers send no Sec-Fetch headers to plain HTTP, but an Origin, which must be the Host."""
    assert await send("POST", (HOST, host), (ORIGIN, origin)) is None


@pytest.mark.parametrize(
    "origin",
    [
        FOREIGN,
        b"null",
        b"",
        b"http://localhost",
        b"http://localhost:8097",
        b"https://localhost:8096",
        b"http://localhost:8096/",
        b"http://localhost:8096.evil.example",
        b"http://127.0.0.1:8096",
        b"http://localhost.:8096",
        b"localhost:8096",
        b"\xff",
    ],
)
async def test_other_origin_is_refused_without_sec_fetch_headers(origin: bytes) -> None:
    """An origin is scheme, host and port; `null` hides one."""
    assert await send("POST", HERE, (ORIGIN, origin)) is RefusalReason.FOREIGN_ORIGIN


async def test_scheme_of_the_request_counts() -> None:
    """Behind a proxy that ends TLS the scheme differs, so the origin has to be trusted."""
    own = (ORIGIN, b"https://localhost:8096")

    assert await send("POST", HERE, own, scheme="https") is None
    assert await send("POST", HERE, own, scheme="http") is RefusalReason.FOREIGN_ORIGIN


@pytest.mark.parametrize(
    "headers",
    [
        [(SITE, b"same-origin"), (SITE, b"same-origin")],
        [(SITE, b"same-origin"), (SITE, b"cross-site")],
        [(ORIGIN, OWN), (ORIGIN, OWN)],
        [(SITE, b"same-origin"), (ORIGIN, OWN), (ORIGIN, FOREIGN)],
        [(SITE, b"cross-site"), (ORIGIN, TRUSTED.encode()), (ORIGIN, FOREIGN)],
    ],
)
async def test_repeated_headers_are_refused(headers: list[Header]) -> None:
    """No browser repeats them, so something between has added one."""
    assert await send("POST", HERE, *headers) is RefusalReason.FOREIGN_ORIGIN


@pytest.mark.parametrize("site", [None, b"cross-site", b"same-site"])
@pytest.mark.parametrize(
    "origin", [TRUSTED.encode(), b"HTTPS://OPS.example.org:443", b"http://ops.example.org"]
)
async def test_trusted_origin_passes(site: bytes | None, origin: bytes) -> None:
    """The operator may trust the pages of other origins."""
    assert await send("POST", HERE, (ORIGIN, origin), *_maybe(site, SITE)) is None


async def test_trusted_origin_does_not_make_its_host_known() -> None:
    """A trusted page still has to name this service by a name that is known."""
    headers = [(HOST, b"ops.example.org"), (ORIGIN, TRUSTED.encode())]

    assert await send("POST", *headers) is RefusalReason.FOREIGN_HOST


@pytest.mark.parametrize(
    ("headers", "status", "advice"),
    [
        ([(HOST, b"evil.example")], 403, "RTMANAGER_ALLOWED_HOSTS"),
        ([HERE, (ORIGIN, FOREIGN)], 403, "RTMANAGER_TRUSTED_ORIGINS"),
        ([HERE, (SITE, b"cross-site")], 403, "RTMANAGER_TRUSTED_ORIGINS"),
        ([], 400, "0 Host headers, expected one"),
        ([(HOST, b"a\x1bb" * 200)], 400, r"is 'a\x1bba\x1bb"),
    ],
)
async def test_refusal_says_what_to_set(headers: list[Header], status: int, advice: str) -> None:
    """The answer is the contract's, quotes the caller safely, and names the setting."""
    guard = BrowserGuard(Behind(), refusals=RefusedRequests(RepeatedEvents()))
    with pytest.raises(RefusedRequest) as refused:
        await guard(request(*headers, method="POST", scheme="http"), receive, Behind().send)
    answer = answer_to(refused.value)

    assert (answer.status, answer.code, answer.is_defect) == (status, "invalid_request", False)
    assert advice in answer.message
    assert answer.message.isascii()
    assert answer.message.isprintable()
    assert len(answer.message) < 300


async def test_refused_hosts_are_not_remembered() -> None:
    """A flood of foreign hosts fills no memory."""
    guard = BrowserGuard(Behind(), refusals=RefusedRequests(RepeatedEvents()))
    for number in range(1000):
        with pytest.raises(RefusedRequest):
            await guard(request((HOST, b"h%d.example" % number)), receive, Behind().send)

    assert vars(guard)["_known_host"].cache_info().currsize == 0


async def test_lifespan_passes() -> None:
    """The server's own events are no requests."""
    behind = Behind()

    await BrowserGuard(behind, refusals=RefusedRequests(RepeatedEvents()))(
        {"type": "lifespan"}, receive, behind.send
    )

    assert behind.arrived == {"type": "lifespan"}


def _maybe(value: bytes | None, name: bytes = ORIGIN) -> Iterable[Header]:
    return [] if value is None else [(name, value)]
