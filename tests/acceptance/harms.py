"""What can befall an engine, and what the service must have noticed then."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.stage import Row, Stage, ok, wait_until

Harm = Callable[[Stage, str], None]

PATIENCE = 10.0


def _kill(stage: Stage, game: str) -> None:
    stage.docker.kill(f"galaxy-game-{game}")


def _remove(stage: Stage, game: str) -> None:
    stage.docker.remove_container(f"galaxy-game-{game}", force=True)


def _eat_memory(stage: Stage, game: str) -> None:
    (stage.state(game) / "eat-memory").touch()


KILLED: tuple[Harm, str, str, Row] = (
    _kill,
    "stopped",
    "container_exited",
    {"exit_code": 137, "oom": False},
)
REMOVED: tuple[Harm, str, str, Row] = (_remove, "removed", "container_disappeared", {})
STARVED: tuple[Harm, str, str, Row] = (
    _eat_memory,
    "stopped",
    "container_oom",
    {"exit_code": 137},
)
HARMS = pytest.mark.parametrize(
    ("harm", "status", "event", "details"),
    [KILLED, REMOVED, STARVED],
    ids=["killed", "removed", "out of memory"],
)


def told_of(stage: Stage, game: str, *events: str) -> list[Row]:
    """Return the health events of these types that a game has in the outbox."""
    rows = [each["fields"] for each in stage.outbox(game) if each["stream"] == "health_events"]
    return [each for each in rows if each["event_type"] in events]


def seconds_until_noticed(stage: Stage, game: str, harm: Harm, status: str, event: str) -> float:
    """Do the harm; return how long it took to be recorded and told."""
    harm(stage, game)
    began = time.monotonic()

    def is_noticed() -> Any:
        told = told_of(stage, game, event)
        return told and ok(stage.get(game))["status"] == status

    wait_until(is_noticed, seconds=PATIENCE)
    return time.monotonic() - began


def details_of(told: Row) -> Row:
    """Return what a health event says in detail."""
    return dict(json.loads(told["details"]))
