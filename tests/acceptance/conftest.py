"""Environments for the acceptance tests: one shared by all, and others for tests that break it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.acceptance.fault_injection import DOCKER_TIMEOUT, Proxies
from tests.acceptance.streams import Lobby, lobby_at
from tests.support.environment import (
    SHORT_LEASE,
    Environment,
    NewEnvironment,
    new_game,
    remove_games,
)


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a running service that a module's tests share."""
    return new_environment()


@pytest.fixture(scope="module")
def lobby(service_settings: dict[str, str]) -> Iterator[Lobby]:
    """Return the Lobby, which reaches Redis itself."""
    with lobby_at(service_settings["redis_master_addr"]) as found:
        yield found


@pytest.fixture(scope="module")
def killable_environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that tests may kill: leases that it leaves behind soon expire.

    The next request waits for the operation that is resumed after the kill, even on a slow host.
    """
    return new_environment(game_lease_ttl_seconds=SHORT_LEASE, game_lease_wait="20s")


@pytest.fixture
def new_games(docker_api: Any) -> Iterator[Callable[[int], list[str]]]:
    """Return a function that creates game ids; their containers are removed after the test."""
    names: list[str] = []

    def make(count: int) -> list[str]:
        made = [new_game() for _ in range(count)]
        names.extend(made)
        return made

    yield make
    remove_games(docker_api, names)


@pytest.fixture
def game(new_games: Callable[[int], list[str]]) -> str:
    """Return the id of a game of this test's own."""
    return new_games(1)[0]


@pytest.fixture(scope="module")
def all_proxies(
    service_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxies]:
    """Return the proxies; all of them forward everything."""
    made = Proxies(service_settings, tmp_path_factory.mktemp("sockets"))
    with ExitStack() as stack:
        for proxy in made:
            stack.enter_context(proxy)
        yield made


@pytest.fixture(scope="module")
def proxied_settings(all_proxies: Proxies) -> dict[str, str]:
    """Return the settings of a service that reaches everything through a proxy."""
    return {
        "postgres_primary_dsn": all_proxies.dsn,
        "redis_master_addr": all_proxies.redis.address,
        "docker_host": all_proxies.docker_host,
        "game_lease_ttl_seconds": SHORT_LEASE,
    }


@pytest.fixture(scope="module")
def impatient_environment(
    new_environment: NewEnvironment, proxied_settings: dict[str, str]
) -> Environment:
    """Return a service behind proxies that soon gives up on a Docker daemon that hangs.

    On a busy host Docker can be that slow: a container it was too slow to remove stays parked.
    """
    return new_environment(**proxied_settings, docker_timeout=f"{DOCKER_TIMEOUT:g}s")


@pytest.fixture
def proxies(all_proxies: Proxies) -> Iterator[Proxies]:
    """Return the proxies before the servers; after the test they forward everything again."""
    yield all_proxies
    for proxy in all_proxies:
        proxy.pass_on()
