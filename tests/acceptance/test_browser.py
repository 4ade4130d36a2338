"""A real browser: pages of other sites cannot drive the service, and Swagger UI can."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.hostile_site import hostile_site
from tests.acceptance.swagger_ui import try_it_out
from tests.support.browser import Browser, browser
from tests.support.calls import ok
from tests.support.environment import Environment, Row, new_game, remove_games
from tests.support.running_service import RUNTIMES

__all__ = ["browser"]


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
    environment: Environment, browser: Browser, game: str, site: str, name: str
) -> None:
    """Whatever a page of another origin tries, no operation is begun and nothing is shown to it.

    Browsers send Sec-Fetch headers only to addresses that they trust, such as the loopback address.
    """
    before = rows_and_containers(environment, game)
    target = f"http://{name}:{environment.service.port}"

    with (
        hostile_site(target, game) as port,
        browser.page(f"http://{site}:{port}/") as page,
    ):
        tried = page.run("tried()")
        complaints = page.complaints

    assert rows_and_containers(environment, game) == before
    assert {key: value for key, value in tried.items() if game in str(value)} == {}
    assert (tried["list"], tried["image"], tried["script"]) == ("failed", "failed", "failed")
    assert any("frame-ancestors 'none'" in each for each in complaints)
    assert '"reason": "foreign_origin"' in environment.service.log


def test_second_name_of_the_loopback_address_opens_nothing(
    environment: Environment, browser: Browser, game: str
) -> None:
    """A page whose name was rebound to the service's address is its own origin, yet is refused."""
    address = f"http://rebind.example:{environment.service.port}"
    before = rows_and_containers(environment, game)

    with browser.page(f"{address}/ui/") as page:
        shown = page.run("document.body.innerText")
        read = page.run(f"fetch('{RUNTIMES}').then((answer) => answer.text())")
        written = page.run(
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
        ("GET /healthz HTTP/1.0", 400),
        ("GET /healthz HTTP/1.0\r\nHost: {address}", 200),
    ],
)
def test_host_header_alone_counts(environment: Environment, sent: str, status: int) -> None:
    """Neither the request line nor another header replaces it; no browser omits it."""
    address = f"127.0.0.1:{environment.service.port}"
    with socket.create_connection(("127.0.0.1", environment.service.port), 10) as caller:
        caller.sendall(f"{sent.format(address=address)}\r\nConnection: close\r\n\r\n".encode())
        answer = caller.recv(4096)

    assert answer.split()[1] == str(status).encode()


@pytest.mark.parametrize("name", ["127.0.0.1", "rtmanager"])
def test_swagger_ui_sends_requests_under_its_security_policy(
    environment: Environment, browser: Browser, game: str, name: str
) -> None:
    """The page shows the operations and can send them, and the browser finds no violation.

    Under the name, which the browser does not trust, it sends an Origin but no Sec-Fetch headers.
    """
    operations = len(environment.operations(game))

    with browser.page(f"http://{name}:{environment.service.port}/ui/") as page:
        page.wait_until("document.body.innerText.includes('/runtimes/{game_id}/restart')")
        shown = try_it_out(page, "internalRestartRuntime", game)
        complaints = page.complaints

    assert '"status": "running"' in shown
    assert len(environment.operations(game)) == operations + 1
    assert complaints == []


def rows_and_containers(environment: Environment, game: str) -> tuple[list[Row], list[str]]:
    """Return the operations on a game and its containers; other callers are still answered."""
    containers = [each["Id"] for each in environment.containers(game)]
    assert ok(environment.get(game))["current_container_id"] in containers
    return environment.operations(game), containers
