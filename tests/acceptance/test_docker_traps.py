"""Traps that only a real Docker engine sets."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.checkout import ensure_network, remove_network
from tests.acceptance.stage import (
    Stage,
    error,
    image_of,
    message,
    new_game,
    ok,
    remove_containers,
)


def _own_labels(stage: Stage, game: str) -> dict[str, str]:
    return {
        "com.galaxy.installation": stage.installation,
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": image_of("1.4.7"),
        "com.galaxy.op_id": "0",
    }


def _created(stage: Stage, game: str, labels: dict[str, str]) -> str:
    """Leave a container that was never started under the game's name."""
    host = stage.docker.create_host_config(network_mode=stage.network)
    made = stage.docker.create_container(
        image_of("1.4.7"), name=f"galaxy-game-{game}", labels=labels, host_config=host
    )
    return str(made["Id"])


@pytest.fixture
def foreign(stage: Stage, game: str) -> Iterator[str]:
    """Return a container of somebody else's that has the game's name."""
    container = _created(stage, game, {})
    yield container
    stage.docker.remove_container(container, force=True)


def test_trap_dead_container_blocks_name_ours(stage: Stage, game: str) -> None:
    """A leftover of our own is removed by the start that it would block."""
    leftover = _created(stage, game, _own_labels(stage, game))

    record = ok(stage.start(game))

    assert record["current_container_id"] != leftover
    stage.assert_true_record(game, "1.4.7")


def test_trap_dead_container_blocks_name_foreign(stage: Stage, game: str, foreign: str) -> None:
    """A container that is not ours is a clear conflict, and is not touched."""
    answer = stage.start(game)

    assert error(answer) == (409, "conflict")
    assert foreign[:12] in message(answer)
    assert stage.inspect(foreign)["State"]["Status"] == "created"
    assert stage.get(game).status_code == 404


def test_trap_name_still_in_use_after_rm(stage: Stage, game: str) -> None:
    """A start while somebody else removes the old container gets the name, however they meet."""
    first = ok(stage.start(game))["current_container_id"]
    ok(stage.stop(game))
    removal = threading.Thread(
        target=stage.docker.remove_container, args=(first,), kwargs={"force": True}
    )
    removal.start()

    record = ok(stage.start(game))
    removal.join()

    assert record["current_container_id"] != first
    stage.assert_true_record(game, "1.4.7")


@pytest.fixture(scope="module")
def own_network(docker_host: str, docker_api: Any) -> Iterator[str]:
    """Return the name of a network that tests may make anew."""
    name = new_game()
    ensure_network(docker_host, name)
    yield name
    remove_containers(docker_api, {"network": name})
    remove_network(docker_host, name)


@pytest.fixture(scope="module")
def networked(new_stage: Callable[..., Stage], own_network: str) -> Stage:
    """Return a service whose network may be made anew."""
    return new_stage(docker_network=own_network)


def _make_network_anew(stage: Stage, docker_host: str) -> str:
    """Remove the network under whatever is on it, make it again and return its new id."""
    for container in stage.docker.containers(filters={"network": stage.network}):
        stage.docker.disconnect_container_from_network(container["Id"], stage.network, force=True)
    remove_network(docker_host, stage.network)
    ensure_network(docker_host, stage.network)
    return str(stage.docker.inspect_network(stage.network)["Id"])


def _network_of(stage: Stage, container: str) -> str:
    networks = stage.inspect(container)["NetworkSettings"]["Networks"]
    return str(networks[stage.network]["NetworkID"])


def test_trap_stale_network_endpoint_of_a_stopped_game(
    networked: Stage, game: str, docker_host: str
) -> None:
    """A stopped game starts on the network that is there now."""
    ok(networked.start(game))
    ok(networked.stop(game))
    network = _make_network_anew(networked, docker_host)

    record = ok(networked.start(game))

    assert _network_of(networked, record["current_container_id"]) == network
    assert networked.health(game).status_code == 200
    networked.assert_true_record(game, "1.4.7")


def test_trap_stale_network_endpoint_of_a_running_game(
    networked: Stage, game: str, docker_host: str
) -> None:
    """A restart brings a running engine that lost its network onto the present one."""
    ok(networked.start(game))
    network = _make_network_anew(networked, docker_host)

    record = ok(networked.restart(game))

    assert _network_of(networked, record["current_container_id"]) == network
    assert networked.health(game).status_code == 200
    networked.assert_true_record(game, "1.4.7")


def test_trap_rollback_checks_target_first(stage: Stage, game: str) -> None:
    """While a patch is tried, the engine to return to is there, parked under a name of its own."""
    before = ok(stage.start(game))["current_container_id"]
    seen: list[list[str]] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(stage, game, seen, stop))
    watch.start()

    answer = stage.patch(game, "1.4.9")
    stop.set()
    watch.join()

    assert error(answer) == (500, "container_start_failed")
    assert all(before in containers for containers in seen)
    assert any(len(containers) == 2 for containers in seen)
    assert ok(stage.get(game))["current_container_id"] == before
    stage.assert_true_record(game, "1.4.7")


def _watch(stage: Stage, game: str, seen: list[list[str]], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        seen.append([each["Id"] for each in stage.containers(game)])
