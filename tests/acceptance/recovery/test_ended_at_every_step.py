"""SIGKILL and SIGTERM at every step of every operation: none fails because of it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.recovery.killing import (
    Death,
    deaths_of,
    end_all,
    record_points,
    side_by_side,
)
from tests.acceptance.recovery.operations import CASES
from tests.acceptance.recovery.truth import Truth
from tests.acceptance.stage import Stage, remove_containers, wait_until
from tests.services.session import Say

AT_ONCE = 24
"""Games that die in one process."""
COMPLETE_WITHIN = 30.0
GRACE = 60.0
EVERY = int(os.environ.get("RECOVERY_EVERY", "1"))
"""Of each operation's points every so-manieth dies; 1 is all of them."""


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that forgets leases soon, reconciles all the time and ends at once.

    No start waits for its turn behind one that stays at its point.
    """
    return new_stage(
        game_lease_ttl_seconds="1",
        reconcile_interval="1s",
        shutdown_timeout="1s",
        docker_start_concurrency=str(AT_ONCE),
    )


@pytest.fixture
def truth(stage: Stage, settings: dict[str, str]) -> Truth:
    """Return one who looks."""
    return Truth(stage, settings["redis_master_addr"])


@dataclass
class Tally:
    """What a run of deaths has shown."""

    deaths: list[Death] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    complete_after: float = 0.0


@pytest.fixture
def tally(docker_api: Any) -> Iterator[Tally]:
    """Return an empty tally; the containers of its games go with the test."""
    made = Tally()
    yield made
    games = [each.game for each in made.deaths]
    side_by_side(
        lambda game: remove_containers(docker_api, {"label": f"com.galaxy.game_id={game}"}), games
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
def test_ended_at_every_step(  # noqa: PLR0913, PLR0917 - what it needs, and what it says
    stage: Stage,
    truth: Truth,
    tally: Tally,
    tmp_path: Path,
    say: Say,
    number: signal.Signals,
) -> None:
    """Wherever its process ends, an operation goes on to its end; nothing is left or doubled."""
    began = time.monotonic()
    points = record_points(stage, CASES, tmp_path / "fault-free")
    planned = [
        death for case in CASES for death in list(deaths_of(case, points[case.name]))[::EVERY]
    ]
    for first in range(0, len(planned), AT_ONCE):
        batch = planned[first : first + AT_ONCE]
        tally.deaths += _end_and_look(
            stage, truth, tally, batch, tmp_path / f"batch-{first}", number
        )
    _wait_for_parked_ones(truth, tally.deaths)
    _say(say, tally, points, number, time.monotonic() - began)

    assert tally.faults == []


def _end_and_look(  # noqa: PLR0913, PLR0917 - as above
    stage: Stage,
    truth: Truth,
    tally: Tally,
    batch: list[Death],
    trace: Path,
    number: signal.Signals,
) -> list[Death]:
    side_by_side(lambda each: each.case.prepare(stage, each.game), batch)
    before = {each.game: truth.container_of(each.game) for each in batch}
    batch = end_all(stage, batch, trace, number)
    began = time.monotonic()
    stage.service.start()
    wait_until(lambda: not any(map(truth.open_operations, batch)), seconds=COMPLETE_WITHIN)
    tally.complete_after = max(tally.complete_after, time.monotonic() - began)
    wait_until(lambda: not truth.leases(), seconds=COMPLETE_WITHIN)
    for each in batch:
        tally.faults += truth.after_recovery(each, before[each.game])
    answers = side_by_side(lambda each: each.case.request(stage, each.game).status_code, batch)
    for each, answer in zip(batch, answers, strict=True):
        tally.faults += truth.after_repeating(each, answer)
    return batch


def _wait_for_parked_ones(truth: Truth, deaths: list[Death]) -> None:
    """Demand that the reconciler removes what was parked once its grace period is over."""
    wait_until(lambda: not any(map(truth.parked, deaths)), seconds=GRACE + COMPLETE_WITHIN)


def _say(
    say: Say, tally: Tally, points: dict[str, list[str]], number: signal.Signals, seconds: float
) -> None:
    counts = ", ".join(f"{name} {len(each)}" for name, each in points.items())
    say(
        f"{number.name} at {len(tally.deaths)} points of {sum(map(len, points.values()))} "
        f"({counts}) in {seconds:.0f} s; every operation complete within "
        f"{tally.complete_after:.1f} s of a new start; {len(tally.faults)} faults"
    )
