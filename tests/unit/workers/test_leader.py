import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from rtmanager import tasks
from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.leadership import Claim, InMemoryLeadership
from rtmanager.domain.errors import DockerUnavailable, ServiceUnavailable
from rtmanager.workers.leader import PATIENCE, LeaderRunner
from rtmanager.workers.worker import WorkerStatus
from tests.unit.workers.turns import turns, until


async def _forever() -> None:
    await asyncio.Event().wait()


@dataclass
class Hand:
    """A worker that counts how often it was started."""

    does: Callable[[], Awaitable[None]] = _forever
    lives: int = 0
    works: bool = False
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("hand"))

    async def run(self) -> None:
        """Run until its work ends or it is cancelled."""
        self.lives, self.works = self.lives + 1, True
        try:
            await self.does()
        finally:
            self.works = False


class Replica:
    """One process: its claim, its only worker, and switches for its Postgres and its Docker."""

    def __init__(self, claim: Claim, hand: Hand | None = None) -> None:
        self.postgres = self.docker = True
        self.defects: list[str] = []
        self.hand = hand or Hand()
        self.leadership = InMemoryLeadership(with_faults(claim, "leadership", self._fault))
        self.clock = ManualClock()
        self.runner = LeaderRunner(self.leadership, [self.hand], self.clock, self._work)

    async def _work(self) -> None:
        if not self.docker:
            raise DockerUnavailable("no manager answers")

    async def _fault(self, call: str) -> None:
        if not self.postgres:
            raise ServiceUnavailable("Postgres is away")
        if call in self.defects:
            self.defects.remove(call)
            raise ValueError(f"a defect of {call}")


@pytest.fixture
async def claim() -> AsyncIterator[Claim]:
    """Return a claim that no one holds; no task is left after the test."""
    yield Claim()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_workers_run_in_the_leader_alone(claim: Claim) -> None:
    """A replica that does not lead runs no workers."""
    first, second = Replica(claim), Replica(claim)
    async with first.runner.running():
        await until(lambda: first.hand.works)
        async with second.runner.running():
            await turns(200)
            assert (first.runner.leads, second.runner.leads) == (True, False)
            assert first.runner.leads_since is not None
            assert second.runner.leads_since is None

    assert (first.hand.lives, second.hand.lives) == (1, 0)
    assert first.runner.leads_since is None


async def test_leader_that_ends_leaves_the_lead_to_the_other(claim: Claim) -> None:
    """It resigns once its workers have ended, so that the other leads at its next campaign."""
    first, second = Replica(claim), Replica(claim)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(second.runner.running())
        claim.leader = first.leadership
        async with first.runner.running():
            await until(lambda: first.hand.works)
            assert not second.hand.works
        await until(lambda: second.hand.works)

        assert not first.hand.works


async def test_leader_hands_over_while_it_goes_on_to_serve(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """At the hand-over its workers end and the other leads; it does not campaign any more."""
    first, second = Replica(claim), Replica(claim)
    with caplog.at_level(logging.INFO):
        async with first.runner.running():
            await until(lambda: first.hand.works)
            first.runner.hand_over()
            first.runner.hand_over()
            await until(lambda: claim.leader is None)
            assert not first.hand.works
            async with second.runner.running():
                await until(lambda: second.hand.works)
            await turns(200)

            assert (first.runner.leads, first.hand.lives, claim.leader) == (False, 1, None)

    handed_over = [each for each in caplog.records if each.message == "leadership_handed_over"]
    assert len(handed_over) == 2  # the second one's at the end of its block


async def test_replica_that_does_not_lead_has_nothing_to_hand_over(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged, and the leader is not disturbed."""
    first, second = Replica(claim), Replica(claim)
    with caplog.at_level(logging.INFO):
        async with first.runner.running():
            await until(lambda: first.hand.works)
            async with second.runner.running():
                second.runner.hand_over()
                await turns(200)

            assert first.hand.works
            assert "leadership_handed_over" not in caplog.messages


async def test_lost_lead_stops_the_workers(claim: Claim) -> None:
    """A replica that loses leadership stops all its workers, as another may lead by then."""
    first, second = Replica(claim), Replica(claim)
    async with first.runner.running():
        await until(lambda: first.hand.works)
        claim.leader = second.leadership
        await until(lambda: not first.hand.works)

        assert not first.runner.leads


async def test_outage_of_postgres_costs_the_lead_and_ends(claim: Claim) -> None:
    """Nobody leads while Postgres is away; afterwards someone does again."""
    replica = Replica(claim)
    async with replica.runner.running():
        await until(lambda: replica.hand.works)
        replica.postgres = False
        await until(lambda: replica.runner.status.failures > 3)
        assert not replica.hand.works
        replica.postgres = True
        await until(lambda: replica.hand.works)

    assert replica.hand.lives == 2


async def test_leader_that_cannot_work_leaves_the_lead_to_one_that_can(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """Its node is cut off from Docker, but not from Postgres; it leads no more until that ends."""
    first, second = Replica(claim), Replica(claim)
    async with first.runner.running():
        await until(lambda: first.hand.works)
        async with second.runner.running():
            first.docker = False
            await until(lambda: second.hand.works)
            assert not first.hand.works
            assert first.clock.monotonic() >= PATIENCE
            assert first.runner.status.failures > 0
        await turns(200)
        assert claim.leader is None
        first.docker = True
        await until(lambda: first.hand.works)

    given_up = next(each for each in caplog.records if each.message == "leadership_given_up")
    assert given_up.__dict__["error"] == "no manager answers"


async def test_leader_that_cannot_work_for_a_moment_leads_on(claim: Claim) -> None:
    """A Swarm chooses another leader within seconds."""
    replica = Replica(claim)
    async with replica.runner.running():
        await until(lambda: replica.hand.works)
        began = replica.clock.monotonic()
        replica.docker = False
        await until(lambda: replica.clock.monotonic() > began + PATIENCE / 2)
        replica.docker = True
        await until(lambda: replica.clock.monotonic() > began + 3 * PATIENCE)

    assert replica.hand.lives == 1


@pytest.mark.parametrize("call", ["leadership.campaign", "leadership.confirm"])
async def test_defect_of_the_claim_is_logged_and_leads_to_a_new_campaign(
    claim: Claim, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    """Whatever error a driver raises is logged, and the replica campaigns again."""
    replica = Replica(claim)
    async with replica.runner.running():
        await until(lambda: replica.hand.works)
        claim.leader = None
        replica.defects = [call, call]
        await until(lambda: not replica.defects)
        await until(lambda: replica.hand.works)

    traces = [record.exc_text or str(record.exc_info) for record in caplog.records]
    assert any(f"a defect of {call}" in trace for trace in traces)
    assert claim.leader is None


async def test_defect_of_resigning_does_not_disturb_the_end(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """The service still closes cleanly; the claim ends with its connection."""
    replica = Replica(claim)
    async with replica.runner.running():
        await until(lambda: replica.hand.works)
        replica.defects = ["leadership.resign"]

    assert not replica.hand.works
    assert [each.message for each in caplog.records if each.exc_info] == ["resign_failed"]


async def test_worker_that_a_foreign_cancellation_ends_is_logged_and_restarted(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker ended by a cancellation that is not its own is logged."""

    async def die_once() -> None:
        if hand.lives == 1:
            raise asyncio.CancelledError
        await _forever()

    hand = Hand(die_once)
    with caplog.at_level(logging.ERROR):
        async with Replica(claim, hand).runner.running():
            await until(lambda: hand.lives == 2)

    assert [record.message for record in caplog.records] == ["worker_died"]


async def test_worker_that_dies_is_logged_and_restarted(
    claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect ends the leadership, and the next campaign starts every worker again."""

    async def die_once() -> None:
        if hand.lives == 1:
            raise ValueError("a defect")
        await _forever()

    hand = Hand(die_once)
    with caplog.at_level(logging.ERROR):
        async with Replica(claim, hand).runner.running():
            await until(lambda: hand.lives == 2)

    assert [record.message for record in caplog.records] == ["worker_died"]


async def test_worker_that_swallows_a_cancellation_is_ended(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that swallows a cancellation must not keep the process from stopping."""
    monkeypatch.setattr(tasks, "AGAIN", 0.0)

    async def overhear_once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await _forever()
        await _forever()

    replica = Replica(claim, Hand(overhear_once))
    async with asyncio.timeout(5), replica.runner.running():
        await until(lambda: replica.hand.works)

    assert not replica.hand.works
    assert claim.leader is None
