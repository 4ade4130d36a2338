"""The names of services: found by their beginning, accepted by Swarm."""

import re
from dataclasses import replace

import pytest

from rtmanager.adapters.swarm.service_names import game_prefix, prefixes_for, service_name
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    OPERATION_LABEL,
    ContainerSpec,
    ImageId,
    ResourceLimits,
    aside_name,
    container_name,
    parked_name,
    parked_name_of_0_1,
)

SPEC = ContainerSpec(
    name="galaxy-game-g1",
    hostname="galaxy-game-g1",
    image=ImageId("sha256:1"),
    labels={GAME_ID_LABEL: "g1", OPERATION_LABEL: "7"},
    environment={},
    network="n",
    state_path="/s",
    mount_path="/m",
    limits=ResourceLimits(cpu_quota=1, memory_bytes=1, pids_limit=1),
    read_only_root=False,
)


@pytest.mark.parametrize("game", ["g1", "a" * 51, "A.b_c-d", "-._", "9" * 51])
@pytest.mark.parametrize("fence", ["1", "9" * 18])
def test_every_name_is_one_that_swarm_accepts(game: str, fence: str) -> None:
    """At most 63 letters, digits, hyphens and underscores, and none of them at the end."""
    labels = {GAME_ID_LABEL: game, OPERATION_LABEL: fence}

    name = service_name(replace(SPEC, labels=labels), 7)

    assert re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?", name)
    assert name.startswith(game_prefix(game))


@pytest.mark.parametrize(
    "name",
    [
        container_name("a-1-b"),
        parked_name("a-1-b", 12),
        aside_name("a-1-b", 12),
        parked_name_of_0_1("a-1-b", 12),
    ],
)
def test_each_name_that_a_container_may_have_leads_to_its_game(name: str) -> None:
    """Whatever the port calls a container, its service begins with the same prefix."""
    assert game_prefix("a-1-b") in prefixes_for(name)


def test_a_game_whose_id_looks_like_a_parked_name_is_found() -> None:
    """An id may contain what ends the names of an earlier release."""
    assert game_prefix("g.parked-1") in prefixes_for(container_name("g.parked-1"))


def test_names_of_others_lead_to_no_game() -> None:
    """They are looked for among all."""
    assert prefixes_for("postgres") == []


def test_games_attempts_and_fences_have_names_of_their_own() -> None:
    """Two containers share a name only if one operation creates them in one attempt."""
    others = [
        replace(SPEC, labels={GAME_ID_LABEL: "G1", OPERATION_LABEL: "7"}),
        replace(SPEC, labels={GAME_ID_LABEL: "g1", OPERATION_LABEL: "8"}),
    ]
    names = [service_name(SPEC), service_name(SPEC, 1), *map(service_name, others)]

    assert len(set(names)) == 4
