"""SIGKILL and SIGTERM at every step of every operation: none fails because of it."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.recovery.instrumented_service import LATER
from tests.acceptance.recovery.invariants import Invariants
from tests.acceptance.recovery.operations import (
    CASES,
    Case,
    Interruption,
    end_all,
    interruptions_of,
    record_points,
)
from tests.support.calls import side_by_side, wait_until
from tests.support.environment import SHORT_LEASE, Environment, NewEnvironment, remove_games
from tests.support.run import Say

AT_ONCE = 24
"""Games that are interrupted with one process."""
COMPLETE_WITHIN = 30.0
"""Seconds after a new process began to serve, on a host as busy as a full run makes it."""
WAITED_AT_MOST = 90.0
EVERY = int(os.environ.get("RECOVERY_EVERY", "1"))
"""One in how many points is chosen, by each signal others; 1 is all of them."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
AT_THEIR_POINTS = 0.9
"""The share of the interruptions that must happen at the points for which they were planned."""
TRIES = 2
"""How often each is planned: on a busy host its operation can lose its lease."""

Points = Mapping[str, Sequence[str]]
"""The points that each operation passes, by the name of its case."""


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service with short leases, which reconciles all the time and ends at once.

    No start is queued behind one that stays at its point.
    """
    return new_environment(
        game_lease_ttl_seconds=SHORT_LEASE,
        reconcile_interval="1s",
        shutdown_timeout="1s",
        docker_start_concurrency=str(AT_ONCE),
    )


@pytest.fixture(scope="module")
def cases() -> Sequence[Case]:
    """Return the operations that are interrupted."""
    return CASES


@pytest.fixture(scope="module")
def every() -> int:
    """Return one in how many points is chosen."""
    return EVERY


@pytest.fixture(scope="module")
def points(
    environment: Environment, cases: Sequence[Case], tmp_path_factory: pytest.TempPathFactory
) -> Points:
    """Return the points that the operations pass when nothing goes wrong."""
    return record_points(environment, cases, tmp_path_factory.mktemp("points") / "fault-free")


@dataclass
class Interruptions:
    """Interruptions by one signal, and the violations that they led to."""

    environment: Environment
    invariants: Invariants
    number: signal.Signals
    traces: Path
    interruptions: list[Interruption] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    complete_after: float = 0.0

    def end_all_and_check(self, planned: Sequence[Interruption]) -> Sequence[Interruption]:
        """Interrupt all, a batch at a time; return those that missed their points every time."""
        for _ in range(TRIES):
            came = [
                interruption
                for first in range(0, len(planned), AT_ONCE)
                for interruption in self._end_and_check(planned[first : first + AT_ONCE])
            ]
            planned = [each.once_more() for each in came if not each.is_at_its_point]
        return planned

    def _end_and_check(self, batch: Sequence[Interruption]) -> Sequence[Interruption]:
        """End the service with each operation at its point, let it recover, check invariants."""
        side_by_side(lambda each: each.case.prepare(self.environment, each.game), batch)
        before = {each.game: self.invariants.container_of(each.game) for each in batch}
        trace = self.traces / batch[0].game
        came = end_all(self.environment, batch, trace, self.number)
        self.interruptions += came
        self._recover(came)
        for each in came:
            self.violations += self.invariants.after_recovery(each, before[each.game])
        answers = side_by_side(lambda each: each.case.request(self.environment, each.game), came)
        for each, answer in zip(came, answers, strict=True):
            self.violations += self.invariants.after_repeating(each, answer.status_code)
        return came

    def expire_parked(self) -> int:
        """Wait until parked containers are removed after their grace period; return their number.

        It does not wait that long: the service runs with its clock put forward.
        """
        parked = self.invariants.parked()
        if not parked:
            return 0
        with self.environment.service.replaced_by(LATER, {}):
            wait_until(lambda: not self.invariants.parked(), seconds=WAITED_AT_MOST)
        self.environment.service.start()
        return len(parked)

    def _recover(self, came: Sequence[Interruption]) -> None:
        logged = len(self.environment.service.log)
        self.environment.service.start()
        wait_until(lambda: not self.environment.open_operations(), seconds=WAITED_AT_MOST)
        seconds = self.invariants.seconds_to_the_last_outcome(
            came, self.environment.service.log[logged:]
        )
        self.complete_after = max(self.complete_after, seconds)
        wait_until(lambda: not self.invariants.leases(), seconds=WAITED_AT_MOST)


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    environment: Environment,
    service_settings: dict[str, str],
    docker_api: Any,
    tmp_path: Path,
) -> Iterator[Interruptions]:
    """Return a run with the signal in its parameter; its containers are removed after the test."""
    made = Interruptions(
        environment,
        Invariants(environment, service_settings["redis_master_addr"]),
        request.param,
        tmp_path,
    )
    yield made
    games = [each.game for each in made.interruptions]
    remove_games(docker_api, games)


@pytest.mark.parametrize("run", SIGNALS, ids=lambda number: number.name, indirect=True)
def test_ended_at_every_step(
    run: Interruptions, cases: Sequence[Case], every: int, points: Points, say: Say
) -> None:
    """Wherever its process ends, an operation is resumed; nothing is left over or duplicated."""
    began = time.monotonic()
    planned = [
        interruption for case in cases for interruption in interruptions_of(case, points[case.name])
    ]
    chosen = planned[SIGNALS.index(run.number) * (every // 2) :: every]
    missed = run.end_all_and_check(chosen)
    parked = run.expire_parked()
    say(
        f"{run.number.name}: {len(chosen)} of {len(planned)} points ({_counts(points)}); "
        f"{len(run.interruptions)} interruptions, {len(missed)} points were missed; complete "
        f"{run.complete_after:.1f} s after a new process began to serve "
        f"({COMPLETE_WITHIN:.0f} s allowed); {parked} containers were "
        f"parked until their grace period was over; {len(run.violations)} violations; "
        f"{time.monotonic() - began:.0f} s"
    )

    assert run.violations == []
    assert 0 < run.complete_after <= COMPLETE_WITHIN
    assert len(run.interruptions) >= len(chosen) > 0
    assert len(chosen) - len(missed) >= AT_THEIR_POINTS * len(chosen)


def _counts(points: Points) -> str:
    return ", ".join(f"{name} {len(each)}" for name, each in points.items())
