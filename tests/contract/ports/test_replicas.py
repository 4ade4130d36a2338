from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.leadership import Claim, InMemoryLeadership
from rtmanager.adapters.in_memory.replicas import InMemoryReplicas
from rtmanager.adapters.postgres.leadership import PostgresLeadership
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.replicas import PostgresReplicas
from rtmanager.domain.ports.leadership import Leadership
from rtmanager.domain.ports.replicas import Replicas, ReplicaState, WorkerState
from tests.builders import NOON

WORKER = WorkerState(
    name="probe",
    interval=15.0,
    cycles=7,
    failures=2,
    last_success_at=NOON,
    last_error="no answer",
    due_in=-3.5,
)


@dataclass
class Stand:
    """The replicas, two contenders for their lead, and a way to let time pass."""

    replicas: Replicas
    here: Leadership
    there: Leadership
    clock: ManualClock | None = None
    dsn: str = ""

    def pass_time(self, minutes: float) -> None:
        """Let what was reported be older by this."""
        if self.clock is not None:
            self.clock.advance(60 * minutes)
            return
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                "UPDATE rtmanager.replicas SET seen_at = seen_at - %s", [timedelta(minutes=minutes)]
            )


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the replicas under test; None for those in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def stand(dsn: str | None) -> AsyncIterator[Stand]:
    """Return replicas of either kind."""
    if dsn is None:
        clock, claim = ManualClock(start=NOON), Claim()
        first, second = InMemoryLeadership(claim), InMemoryLeadership(claim)
        yield Stand(InMemoryReplicas(clock, claim), first, second, clock)
        return
    pool = PostgresPool(dsn)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(pool.close)
        await pool.open()
        contenders = PostgresLeadership(dsn), PostgresLeadership(dsn)
        for each in contenders:
            opened.push_async_callback(each.resign)
        yield Stand(PostgresReplicas(pool), *contenders, dsn=dsn)


def replica(name: str, **changes: Any) -> ReplicaState:
    """Return what a replica says of itself."""
    facts: dict[str, Any] = {
        "id": name,
        "host": "vm",
        "version": "1.0",
        "started_at": NOON,
        "workers": [WORKER],
    }
    return ReplicaState(**(facts | changes))


async def names(stand: Stand) -> list[str]:
    """Return the replicas that are known, in order."""
    return [each.state.id for each in await stand.replicas.list()]


async def test_replica_is_shown_as_it_last_said(stand: Stand) -> None:
    """Whole, with its workers, and when that was."""
    await stand.replicas.report(replica("a", workers=[]))
    await stand.replicas.report(replica("a"))

    (seen,) = await stand.replicas.list()

    assert seen.state == replica("a")
    assert 0 <= seen.age < 60
    assert not seen.is_leader


async def test_leader_is_whose_claim_is_granted(stand: Stand) -> None:
    """Not who says so: at most one is, and it comes first."""
    assert await stand.here.campaign()
    assert not await stand.there.campaign()
    later = NOON + timedelta(minutes=1)
    await stand.replicas.report(replica("other", claim=stand.there.number))
    await stand.replicas.report(replica("leader", claim=stand.here.number, started_at=later))

    seen = await stand.replicas.list()

    assert [each.state.id for each in seen] == ["leader", "other"]
    assert [each.is_leader for each in seen] == [True, False]


async def test_leadership_that_moves_is_shown_at_once(stand: Stand) -> None:
    """However fresh the former leader's word is."""
    await stand.here.campaign()
    await stand.there.campaign()
    await stand.replicas.report(replica("former", claim=stand.here.number))
    await stand.replicas.report(replica("next", claim=stand.there.number))
    await stand.here.resign()
    assert not any(each.is_leader for each in await stand.replicas.list())
    await stand.there.campaign()

    assert [each.state.id for each in await stand.replicas.list() if each.is_leader] == ["next"]


async def test_of_two_with_one_claim_the_one_seen_last_leads(stand: Stand) -> None:
    """The number of a dead replica's connection is used again."""
    await stand.here.campaign()
    await stand.replicas.report(replica("dead", claim=stand.here.number))
    stand.pass_time(1)
    await stand.replicas.report(replica("alive", claim=stand.here.number))

    assert [each.state.id for each in await stand.replicas.list() if each.is_leader] == ["alive"]


async def test_replica_that_stops_is_forgotten(stand: Stand) -> None:
    """At once, and without an error if it was not known."""
    for name in ("a", "b"):
        await stand.replicas.report(replica(name))
    await stand.replicas.leave("a")
    await stand.replicas.leave("a")

    assert await names(stand) == ["b"]


async def test_replica_that_says_nothing_is_forgotten_after_minutes(stand: Stand) -> None:
    """It is shown with its age until then."""
    await stand.replicas.report(replica("silent"))
    stand.pass_time(4.5)
    (seen,) = await stand.replicas.list()
    assert 270 <= seen.age < 300
    stand.pass_time(1)
    assert await names(stand) == []

    await stand.replicas.report(replica("other"))
    assert await names(stand) == ["other"]
