"""SIGKILL and SIGTERM at every step of every operation: none fails because of it."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import SHORT_LEASE
from tests.acceptance.recovery.killing import (
    LATER,
    Death,
    deaths_of,
    end_all,
    launched,
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
"""Seconds after a new process began to serve, on a host with as much else to do as it may have."""
PATIENCE = 90.0
EVERY = int(os.environ.get("RECOVERY_EVERY", "1"))
"""Of all points every so-manieth dies, by each signal others; 1 is all of them."""
FIRST = {signal.SIGKILL: 0, signal.SIGTERM: EVERY // 2}
AT_THEIR_POINTS = 0.9
"""The part of the deaths that must come where they were to come; the rest missed its point."""

Points = Mapping[str, Sequence[str]]
"""The points that each operation passes, by the name of its case."""


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that forgets leases soon, reconciles all the time and ends at once.

    No start waits for its turn behind one that stays at its point.
    """
    return new_stage(
        game_lease_ttl_seconds=SHORT_LEASE,
        reconcile_interval="1s",
        shutdown_timeout="1s",
        docker_start_concurrency=str(AT_ONCE),
    )


@pytest.fixture(scope="module")
def points(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Points:
    """Return the points that the operations pass when nothing goes wrong."""
    return record_points(stage, CASES, tmp_path_factory.mktemp("points") / "fault-free")


@dataclass
class Run:
    """Deaths by one signal, and what they have shown."""

    stage: Stage
    truth: Truth
    number: signal.Signals
    deaths: list[Death] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    complete_after: float = 0.0

    @property
    def at_their_points(self) -> int:
        """How many came where they were to come."""
        return sum(each.came_at_its_point for each in self.deaths)

    def end_and_look(self, batch: Sequence[Death], trace: Path) -> None:
        """End the service with each of the operations at its point, and see what becomes of it."""
        side_by_side(lambda each: each.case.prepare(self.stage, each.game), batch)
        before = {each.game: self.truth.container_of(each.game) for each in batch}
        came = end_all(self.stage, batch, trace, self.number)
        self.deaths += came
        self._recover(came)
        for each in came:
            self.faults += self.truth.after_recovery(each, before[each.game])
        answers = side_by_side(lambda each: each.case.request(self.stage, each.game), came)
        for each, answer in zip(came, answers, strict=True):
            self.faults += self.truth.after_repeating(each, answer.status_code)

    def let_parked_ones_go(self) -> int:
        """Demand that whatever is parked goes when its time has come; return how many there were.

        Not by waiting for it: the service runs as if it were later.
        """
        parked = self.truth.parked()
        if not parked:
            return 0
        with launched(self.stage, LATER, {}):
            wait_until(lambda: not self.truth.parked(), seconds=PATIENCE)
        self.stage.service.start()
        return len(parked)

    def _recover(self, came: Sequence[Death]) -> None:
        logged = len(self.stage.service.log)
        self.stage.service.start()
        wait_until(lambda: not self.truth.open_operations(), seconds=PATIENCE)
        seconds = self.truth.seconds_to_the_last_end(came, self.stage.service.log[logged:])
        self.complete_after = max(self.complete_after, seconds)
        wait_until(lambda: not self.truth.leases(), seconds=PATIENCE)


@pytest.fixture
def run(
    request: pytest.FixtureRequest, stage: Stage, settings: dict[str, str], docker_api: Any
) -> Iterator[Run]:
    """Return a run by the signal that is its parameter; its containers go with the test."""
    made = Run(stage, Truth(stage, settings["redis_master_addr"]), request.param)
    yield made
    games = [each.game for each in made.deaths]
    side_by_side(
        lambda game: remove_containers(docker_api, {"label": f"com.galaxy.game_id={game}"}), games
    )


@pytest.mark.parametrize("run", list(FIRST), ids=lambda number: number.name, indirect=True)
def test_ended_at_every_step(run: Run, points: Points, tmp_path: Path, say: Say) -> None:
    """Wherever its process ends, an operation goes on to its end; nothing is left or doubled."""
    began = time.monotonic()
    planned = [death for case in CASES for death in deaths_of(case, points[case.name])]
    chosen = planned[FIRST[run.number] :: EVERY]
    for first in range(0, len(chosen), AT_ONCE):
        run.end_and_look(chosen[first : first + AT_ONCE], tmp_path / f"batch-{first}")
    parked = run.let_parked_ones_go()
    say(
        f"{run.number.name}: {len(chosen)} of {len(planned)} points ({_counts(points)}); "
        f"{run.at_their_points} died at theirs; complete {run.complete_after:.1f} s after a "
        f"new process began to serve ({COMPLETE_WITHIN:.0f} s allowed); {parked} containers were "
        f"parked until their time; {len(run.faults)} faults; {time.monotonic() - began:.0f} s"
    )

    assert run.faults == []
    assert 0 < run.complete_after <= COMPLETE_WITHIN
    assert len(run.deaths) == len(chosen)
    assert run.at_their_points >= AT_THEIR_POINTS * len(chosen) > 0


def _counts(points: Points) -> str:
    return ", ".join(f"{name} {len(each)}" for name, each in points.items())
