"""Traps that only a real Docker daemon has."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dev.checkout import ensure_network, remove_network
from tests.support.calls import error, message, ok
from tests.support.docker import remove_containers
from tests.support.environment import Environment, NewEnvironment, image_of, new_game


def _own_labels(environment: Environment, game: str) -> dict[str, str]:
    return {
        "com.galaxy.installation": environment.installation,
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": image_of("1.4.7"),
        "com.galaxy.op_id": "0",
    }


def _created(environment: Environment, game: str, labels: dict[str, str]) -> str:
    """Leave a container under the game's name that was never started."""
    host = environment.docker.create_host_config(network_mode=environment.network)
    made = environment.docker.create_container(
        image_of("1.4.7"), name=f"galaxy-game-{game}", labels=labels, host_config=host
    )
    return str(made["Id"])


@pytest.fixture
def foreign(environment: Environment, game: str) -> Iterator[str]:
    """Return a container of somebody else that has the game's name."""
    container = _created(environment, game, {})
    yield container
    environment.docker.remove_container(container, force=True)


def test_trap_dead_container_blocks_name_ours(environment: Environment, game: str) -> None:
    """A start removes a leftover of our own that would block it."""
    leftover = _created(environment, game, _own_labels(environment, game))

    record = ok(environment.start(game))

    assert record["current_container_id"] != leftover
    environment.assert_runs(game, "1.4.7")


def test_trap_dead_container_blocks_name_foreign(
    environment: Environment, game: str, foreign: str
) -> None:
    """A container that is not ours is a clear conflict, and is not touched."""
    answer = environment.start(game)

    assert error(answer) == (409, "conflict")
    assert foreign[:12] in message(answer)
    assert environment.inspect(foreign)["State"]["Status"] == "created"
    assert environment.get(game).status_code == 404


def test_trap_name_still_in_use_after_rm(environment: Environment, game: str) -> None:
    """A start while somebody else removes the old container gets the name, whatever the timing."""
    first = ok(environment.start(game))["current_container_id"]
    ok(environment.stop(game))
    removal = threading.Thread(
        target=environment.docker.remove_container, args=(first,), kwargs={"force": True}
    )
    removal.start()

    record = ok(environment.start(game))
    removal.join()

    assert record["current_container_id"] != first
    environment.assert_runs(game, "1.4.7")


@pytest.fixture(scope="module")
def own_network(docker_host: str, docker_api: Any) -> Iterator[str]:
    """Return the name of a network that tests may recreate."""
    name = new_game()
    ensure_network(docker_host, name)
    yield name
    remove_containers(docker_api, {"network": name})
    remove_network(docker_host, name)


@pytest.fixture(scope="module")
def networked(new_environment: NewEnvironment, own_network: str) -> Environment:
    """Return a service whose network may be recreated."""
    return new_environment(docker_network=own_network)


def _make_network_anew(environment: Environment, docker_host: str) -> str:
    """Remove the network with everything on it, recreate it and return its new id."""
    for container in environment.docker.containers(filters={"network": environment.network}):
        environment.docker.disconnect_container_from_network(
            container["Id"], environment.network, force=True
        )
    remove_network(docker_host, environment.network)
    ensure_network(docker_host, environment.network)
    return str(environment.docker.inspect_network(environment.network)["Id"])


def _network_of(environment: Environment, container: str) -> str:
    networks = environment.inspect(container)["NetworkSettings"]["Networks"]
    return str(networks[environment.network]["NetworkID"])


def test_trap_stale_network_endpoint_of_a_stopped_game(
    networked: Environment, game: str, docker_host: str
) -> None:
    """A stopped game starts on the network that exists now."""
    ok(networked.start(game))
    ok(networked.stop(game))
    network = _make_network_anew(networked, docker_host)

    record = ok(networked.start(game))

    assert _network_of(networked, record["current_container_id"]) == network
    assert networked.health(game).status_code == 200
    networked.assert_runs(game, "1.4.7")


def test_trap_stale_network_endpoint_of_a_running_game(
    networked: Environment, game: str, docker_host: str
) -> None:
    """A restart moves a running engine that lost its network to the present one."""
    ok(networked.start(game))
    network = _make_network_anew(networked, docker_host)

    record = ok(networked.restart(game))

    assert _network_of(networked, record["current_container_id"]) == network
    assert networked.health(game).status_code == 200
    networked.assert_runs(game, "1.4.7")


def test_trap_rollback_checks_target_first(environment: Environment, game: str) -> None:
    """While a patch is tried, the previous engine still exists, parked under a name of its own."""
    before = ok(environment.start(game))["current_container_id"]
    seen: list[list[str]] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(environment, game, seen, stop))
    watch.start()

    answer = environment.patch(game, "1.4.9")
    stop.set()
    watch.join()

    assert error(answer) == (500, "container_start_failed")
    assert all(before in containers for containers in seen)
    assert any(len(containers) == 2 for containers in seen)
    assert ok(environment.get(game))["current_container_id"] == before
    environment.assert_runs(game, "1.4.7")


def _watch(
    environment: Environment, game: str, seen: list[list[str]], stop: threading.Event
) -> None:
    while not stop.wait(0.05):
        seen.append([each["Id"] for each in environment.containers(game)])
