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
"""One in how many points is chosen, by each signal others; 1 is all of them."""
FIRST = {signal.SIGKILL: 0, signal.SIGTERM: EVERY // 2}
AT_THEIR_POINTS = 0.9
"""The part of the deaths that must come where they were to come."""
TRIES = 2
"""How often each is planned: while a busy host stands still, its operation can lose its lease."""

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
    traces: Path
    deaths: list[Death] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    complete_after: float = 0.0

    def end_all_and_look(self, planned: Sequence[Death]) -> Sequence[Death]:
        """Let all die, a batch at a time; return those that have missed their points every time."""
        for _ in range(TRIES):
            came = [
                death
                for first in range(0, len(planned), AT_ONCE)
                for death in self._end_and_look(planned[first : first + AT_ONCE])
            ]
            planned = [each.once_more() for each in came if not each.came_at_its_point]
        return planned

    def _end_and_look(self, batch: Sequence[Death]) -> Sequence[Death]:
        """End the service with each of the operations at its point, and see what becomes of it."""
        side_by_side(lambda each: each.case.prepare(self.stage, each.game), batch)
        before = {each.game: self.truth.container_of(each.game) for each in batch}
        trace = self.traces / batch[0].game
        came = end_all(self.stage, batch, trace, self.number)
        self.deaths += came
        self._recover(came)
        for each in came:
            self.faults += self.truth.after_recovery(each, before[each.game])
        answers = side_by_side(lambda each: each.case.request(self.stage, each.game), came)
        for each, answer in zip(came, answers, strict=True):
            self.faults += self.truth.after_repeating(each, answer.status_code)
        return came

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
    request: pytest.FixtureRequest,
    stage: Stage,
    settings: dict[str, str],
    docker_api: Any,
    tmp_path: Path,
) -> Iterator[Run]:
    """Return a run by the signal that is its parameter; its containers go with the test."""
    made = Run(stage, Truth(stage, settings["redis_master_addr"]), request.param, tmp_path)
    yield made
    games = [each.game for each in made.deaths]
    side_by_side(
        lambda game: remove_containers(docker_api, {"label": f"com.galaxy.game_id={game}"}), games
    )


@pytest.mark.parametrize("run", list(FIRST), ids=lambda number: number.name, indirect=True)
def test_ended_at_every_step(run: Run, points: Points, say: Say) -> None:
    """Wherever its process ends, an operation goes on to its end; nothing is left or doubled."""
    began = time.monotonic()
    planned = [death for case in CASES for death in deaths_of(case, points[case.name])]
    chosen = planned[FIRST[run.number] :: EVERY]
    missed = run.end_all_and_look(chosen)
    parked = run.let_parked_ones_go()
    say(
        f"{run.number.name}: {len(chosen)} of {len(planned)} points ({_counts(points)}); "
        f"{len(run.deaths)} deaths, {len(missed)} points were missed; complete "
        f"{run.complete_after:.1f} s after a new process began to serve "
        f"({COMPLETE_WITHIN:.0f} s allowed); {parked} containers were "
        f"parked until their time; {len(run.faults)} faults; {time.monotonic() - began:.0f} s"
    )

    assert run.faults == []
    assert 0 < run.complete_after <= COMPLETE_WITHIN
    assert len(run.deaths) >= len(chosen) > 0
    assert len(chosen) - len(missed) >= AT_THEIR_POINTS * len(chosen)


def _counts(points: Points) -> str:
    return ", ".join(f"{name} {len(each)}" for name, each in points.items())
