"""What operators are told about drift: what is new, what is gone, and what will be done."""

import pytest

from rtmanager.domain.insight.operator_events import DriftChange
from rtmanager.domain.reconciliation.backoff import MIN_PAUSE
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.reconciliation.drift_findings import ACTIONS
from tests.unit.domain.faults import refusal
from tests.unit.domain.watch import GRACE, stray
from tests.unit.domain.world import Killed, World


def changes(world: World) -> list[tuple[bool, DriftKind]]:
    """Return the changes of drift that operators were told."""
    told = (each.change for each in world.store.event_table.events)
    return [
        (each.is_present, each.finding.drift.kind) for each in told if isinstance(each, DriftChange)
    ]


def test_every_kind_has_its_action() -> None:
    """Nobody has to know the reconciler to know what it will do."""
    assert set(ACTIONS) == set(DriftKind)


async def test_drift_that_is_reconciled_is_found_and_gone(world: World) -> None:
    """A round without drift has nothing to note."""
    await world.manager.start()
    world.docker.crash(world.engine.id)
    for _ in range(2):
        await world.manager.cycles.reconcile_sentence()

    assert changes(world) == [
        (True, DriftKind.OBSERVED_EXIT),
        (False, DriftKind.OBSERVED_EXIT),
    ]


async def test_drift_that_persists_is_told_once_and_shows_its_next_attempt(world: World) -> None:
    """Every replica can say when the leader tries again."""
    stray(world, "left-over")
    world.clock.advance(GRACE)
    world.manager.on("host.remove", refusal(), always=True)
    for _ in range(2):
        await world.manager.cycles.reconcile_sentence()
    tried_at = world.clock.now()

    report = await world.process().cases.drift.run()

    assert changes(world) == [(True, DriftKind.STALE_CONTAINER)]
    (finding,) = report.findings
    assert finding.action == "stop the container if it runs, and remove it"
    assert finding.retry_at is not None
    assert 0 < (finding.retry_at - tried_at).total_seconds() <= MIN_PAUSE
    world.clock.advance(MIN_PAUSE)
    (finding,) = (await world.process().cases.drift.run()).findings
    assert finding.retry_at is None


async def test_open_operation_is_shown_but_no_event(world: World) -> None:
    """Its own events tell how far it is."""
    world.manager.on("host.create", world.manager.die)
    with pytest.raises(Killed):
        await world.manager.start()
    other = world.process()

    (finding,) = (await other.cases.drift.run()).findings

    assert finding.drift.kind is DriftKind.OPEN_OPERATION
    await other.cycles.reconcile_sentence()
    assert changes(world) == []
