"""The stages of the acceptance tests: one shared by all, and new ones for those that break it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import docker
import pytest

from dev.checkout import ensure_network
from tests.acceptance.lobby import Lobby, lobby_at
from tests.acceptance.proxied import DOCKER_TIMEOUT, Proxies
from tests.acceptance.stage import Stage, new_game, remove_containers
from tests.services.docker import drop_network
from tests.services.running_service import RunningService

StageMaker = Callable[..., Stage]

# No test waits for a grace period or a gate longer than it must.
QUICK = {
    "container_stop_timeout_seconds": "2",
    "start_gate_timeout": "3s",
    "patch_gate_timeout": "8s",
}


# For tests in which a lease cannot be given back: as short as a loaded host allows.
SHORT_LEASE = "3"


@pytest.fixture(scope="session")
def docker_api(docker_host: str) -> Iterator[Any]:
    """Return a client of the Docker engine, for looking and for playing tricks."""
    with closing(docker.APIClient(base_url=docker_host, version="1.41", max_pool_size=8)) as api:
        yield api


@pytest.fixture(scope="module")
def network(docker_host: str, docker_api: Any) -> Iterator[str]:
    """Return a network of the module's own: its reconciler would act on what others leave there."""
    name = new_game()
    ensure_network(docker_host, name)
    yield name
    remove_containers(docker_api, {"network": name})
    drop_network(docker_host, name)


@pytest.fixture(scope="module")
def settings(  # noqa: PLR0913, PLR0917 - one real server each
    new_database: Callable[[], str],
    new_redis: Callable[[], str],
    docker_host: str,
    network: str,
    demo_images: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Return the settings of a service on servers that a module's tests share."""
    assert demo_images
    return QUICK | {
        "postgres_primary_dsn": new_database(),
        "redis_master_addr": new_redis(),
        "docker_host": docker_host,
        "docker_network": network,
        "game_state_root": str(tmp_path_factory.mktemp("games")),
    }


@pytest.fixture(scope="module")
def new_stage(
    settings: dict[str, str], docker_api: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StageMaker]:
    """Return a function that starts a service; its keywords override settings."""
    with ExitStack() as running:

        def start(**overrides: str) -> Stage:
            chosen = {**settings, **overrides}
            variables = {f"RTMANAGER_{name.upper()}": value for name, value in chosen.items()}
            log_file = tmp_path_factory.mktemp("service") / "log"
            service = RunningService(variables, log_file)
            running.callback(service.stop)
            service.start()
            network = chosen["docker_network"]
            root = Path(chosen["game_state_root"])
            return Stage(service, docker_api, settings["postgres_primary_dsn"], network, root)

        yield start


@pytest.fixture(scope="module")
def stage(new_stage: StageMaker) -> Stage:
    """Return a running service that a module's tests share."""
    return new_stage()


@pytest.fixture(scope="module")
def lobby(settings: dict[str, str]) -> Iterator[Lobby]:
    """Return the Lobby, which reaches Redis itself."""
    with lobby_at(settings["redis_master_addr"]) as found:
        yield found


@pytest.fixture(scope="module")
def mortal_stage(new_stage: StageMaker) -> Stage:
    """Return a service that tests may kill: the leases it leaves behind are soon gone.

    What is asked next waits for what goes on after the kill, however slow the host is.
    """
    return new_stage(game_lease_ttl_seconds=SHORT_LEASE, game_lease_wait="20s")


@pytest.fixture
def game(docker_api: Any) -> Iterator[str]:
    """Return the id of a game of this test's own, whose containers go with the test."""
    name = new_game()
    yield name
    remove_containers(docker_api, {"label": f"com.galaxy.game_id={name}"})


@pytest.fixture(scope="module")
def all_proxies(
    settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxies]:
    """Return the proxies; everything passes."""
    made = Proxies(settings, tmp_path_factory.mktemp("sockets"))
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
def impatient_stage(new_stage: StageMaker, proxied_settings: dict[str, str]) -> Stage:
    """Return a service behind proxies that soon gives up a Docker engine that hangs.

    A busy host can keep it waiting as long: what Docker was too slow to remove is left parked.
    """
    return new_stage(**proxied_settings, docker_timeout=f"{DOCKER_TIMEOUT:g}s")


@pytest.fixture
def proxies(all_proxies: Proxies) -> Iterator[Proxies]:
    """Return the proxies before the servers; after the test everything passes again."""
    yield all_proxies
    for proxy in all_proxies:
        proxy.pass_on()
