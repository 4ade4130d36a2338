"""A real browser: pages of other sites cannot drive the service, and Swagger UI can."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from rtmanager.handlers.api_tokens import line_of
from tests.acceptance.hostile_site import hostile_site
from tests.acceptance.swagger_ui import authorize, try_it_out
from tests.support.calls import error, ok, wait_until
from tests.support.environment import Environment, NewEnvironment, Row, new_game, remove_games
from tests.support.playwright_browser import Complaints, chromium, new_page
from tests.support.running_service import RUNTIMES

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def game(environment: Environment, docker_api: Any) -> Iterator[str]:
    """Return a running game."""
    name = new_game()
    ok(environment.start(name))
    yield name
    remove_games(docker_api, [name])


@pytest.mark.parametrize(
    ("site", "name"),
    [("127.0.0.1", "127.0.0.1"), ("evil.example", "127.0.0.1"), ("evil.example", "rtmanager")],
    ids=["same site, other port", "other site", "other site, no Sec-Fetch headers"],
)
def test_page_of_another_site_changes_and_reads_nothing(
    environment: Environment, chromium: Browser, game: str, site: str, name: str
) -> None:
    """Whatever a page of another origin tries, no operation is begun and nothing is shown to it.

    Browsers send Sec-Fetch headers only to addresses that they trust, such as the loopback address.
    """
    before = rows_and_containers(environment, game)
    target = f"http://{name}:{environment.service.port}"

    with (
        hostile_site(target, game) as port,
        chromium.new_context() as context,
    ):
        complaints = Complaints()
        complaints.watch(context)
        page = context.new_page()
        page.goto(f"http://{site}:{port}/")
        tried = page.evaluate("tried()")

    assert rows_and_containers(environment, game) == before
    assert {key: value for key, value in tried.items() if game in str(value)} == {}
    assert (tried["list"], tried["image"], tried["script"]) == ("failed", "failed", "failed")
    assert any("frame-ancestors 'none'" in each for each in complaints.found)
    assert '"reason": "foreign_origin"' in environment.service.log


def test_second_name_of_the_loopback_address_opens_nothing(
    environment: Environment, chromium: Browser, game: str
) -> None:
    """A page whose name was rebound to the service's address is its own origin, yet is refused."""
    address = f"http://rebind.example:{environment.service.port}"
    before = rows_and_containers(environment, game)

    with new_page(chromium, expected=["status of 403"]) as page:
        page.goto(f"{address}/ui/")
        shown = page.locator("body").inner_text()
        read = page.evaluate(f"fetch('{RUNTIMES}').then((answer) => answer.text())")
        written = page.evaluate(
            f"fetch('{RUNTIMES}/{game}/restart', {{method: 'POST'}}).then((it) => it.text())"
        )

    assert rows_and_containers(environment, game) == before
    for answer in (shown, read, written):
        assert "RTMANAGER_ALLOWED_HOSTS" in json.loads(answer)["error"]["message"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("GET /healthz HTTP/1.1\r\nHost: {address}", 200),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: {address}", 200),
        ("GET http://{address}/healthz HTTP/1.1\r\nHost: evil.example", 403),
        ("GET /healthz HTTP/1.1\r\nHost: {address}\r\nHOST: evil.example", 400),
        ("GET /healthz HTTP/1.1\r\nX-Forwarded-Host: {address}\r\nHost: evil.example", 403),
        ("GET /healthz HTTP/1.1", 400),
        ("GET /healthz HTTP/1.0", 200),
        ("HEAD /readyz HTTP/1.0", 200),
        ("GET /openapi.json HTTP/1.0", 400),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example", 403),
        ("GET /healthz HTTP/1.1\r\nHost: {address} \t", 200),
        ("GET /healthz HTTP/1.1\r\nHost: ai.", 403),
        ("GET /healthz HTTP/1.0\r\nHost: {address}", 200),
    ],
)
def test_host_header_alone_counts(environment: Environment, sent: str, status: int) -> None:
    """Neither the request line nor another header replaces it; only old probes may omit it."""
    address = f"127.0.0.1:{environment.service.port}"
    with socket.create_connection(("127.0.0.1", environment.service.port), 10) as caller:
        caller.sendall(f"{sent.format(address=address)}\r\nConnection: close\r\n\r\n".encode())
        answer = caller.recv(4096)

    assert answer.split()[1] == str(status).encode()


@pytest.mark.parametrize("name", ["127.0.0.1", "rtmanager"])
def test_swagger_ui_sends_requests_under_its_security_policy(
    environment: Environment, chromium: Browser, game: str, name: str
) -> None:
    """The page shows the operations and can send them, and the browser finds no violation.

    Under the name, which the browser does not trust, it sends an Origin but no Sec-Fetch headers.
    """
    operations = len(environment.operations(game))

    with new_page(chromium) as page:
        page.goto(f"http://{name}:{environment.service.port}/ui/")
        shown = try_it_out(page, "internalRestartRuntime", game)

    assert '"status": "running"' in shown
    assert len(environment.operations(game)) == operations + 1


def rows_and_containers(environment: Environment, game: str) -> tuple[list[Row], list[str]]:
    """Return the operations on a game and its containers; other callers are still answered."""
    containers = [each["Id"] for each in environment.containers(game)]
    assert ok(environment.get(game))["current_container_id"] in containers
    return environment.operations(game), containers


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with one token, `first-token`."""
    path = tmp_path_factory.mktemp("access") / "tokens"
    admit(path, "first-token")
    return path


@pytest.fixture(scope="module")
def closed(new_environment: NewEnvironment, tokens: Path) -> Environment:
    """Return a service that asks for tokens, has a name with a dot and trusts a page."""
    return new_environment(
        api_tokens_file=str(tokens),
        allowed_hosts="rtm.example",
        trusted_origins="https://ops.example",
    )


def test_swagger_ui_takes_a_token(closed: Environment, chromium: Browser, game: str) -> None:
    """Under an allowed name, the page's button adds the token, which decides about the source."""
    assert error(closed.restart(game)) == (401, "invalid_request")

    with new_page(chromium) as page:
        page.goto(f"http://rtm.example:{closed.service.port}/ui/")
        authorize(page, "first-token")
        shown = try_it_out(page, "internalRestartRuntime", game)

    assert '"status": "running"' in shown
    assert closed.operations(game)[-1]["source"] == "gm_rest"
    assert '"caller": "game-master"' in closed.service.log
    assert "first-token" not in closed.service.log


@pytest.mark.parametrize(("site", "status"), [("ops", 401), ("evil", 403)])
def test_trusted_page_passes_but_needs_a_token(
    closed: Environment, game: str, site: str, status: int
) -> None:
    """A trusted page is not refused for what it is, and is still asked for a token."""
    headers = {"origin": f"https://{site}.example", "sec-fetch-site": "cross-site"}
    path = f"{RUNTIMES}/{game}/restart"

    assert closed.service.request("POST", path, headers=headers).status_code == status


def test_token_is_exchanged_while_the_service_runs(closed: Environment, tokens: Path) -> None:
    """Within two seconds of a change a new token is known and the old one is not."""
    admit(tokens, "second-token")

    wait_until(lambda: asked(closed, "second-token") == 200)
    assert asked(closed, "first-token") == 401


def admit(path: Path, token: str) -> None:
    """Let one token be the only one."""
    new = path.with_suffix(".new")
    new.write_text(f"{line_of('game-master', 'gm', token)}\n")
    new.chmod(0o600)
    new.rename(path)


def asked(environment: Environment, token: str) -> int:
    """Ask for all games with a token; return the status."""
    headers = {"authorization": f"Bearer {token}"}
    return environment.service.request("GET", RUNTIMES, headers=headers).status_code
