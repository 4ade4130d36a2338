import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEventType, HealthObservation
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.operator_events import (
    BEGINNING,
    DriftChange,
    EventId,
    HealthChange,
    OperationProgress,
    OperatorEvent,
)
from rtmanager.domain.operation import Outcome, Phase, StepResult
from rtmanager.domain.ports.operator_events import EventsLost
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.domain.reconciliation.drift_findings import Finding
from tests.builders import (
    GAME,
    IMAGE,
    LEASE,
    NOON,
    make_cause,
    make_completion,
    make_event,
    make_record,
    make_request,
    make_step,
)
from tests.contract.ports.journals import begin, finish
from tests.contract.ports.stores import PostgresStore, Store, open_store

OTHER = GameId("go-3")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
MANY = 1_000_000
TELL: LiteralString = (
    "INSERT INTO rtmanager.operator_events (type, game_id, body)"
    """ VALUES ('health', %s, '{"healthy": true, "error": null}')"""
)


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


@pytest.fixture
async def real_store(database_dsn: str) -> AsyncIterator[PostgresStore]:
    """Return a store in Postgres."""
    async with open_store(database_dsn) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


async def told(store: Store, after: EventId, limit: int = 100) -> Sequence[OperatorEvent]:
    """Return the events after this one."""
    return (await store.events.read(after, limit=limit)).events


def progress(event: OperatorEvent) -> OperationProgress:
    """Return the operation that the event is about."""
    assert isinstance(event.change, OperationProgress)
    return event.change


def finding(kind: DriftKind = DriftKind.STALE_CONTAINER, game: GameId = GAME) -> Finding:
    """Return some drift."""
    return Finding(Drift(game, kind, ContainerId("d" * 64), "it belongs to no operation"))


async def test_operation_reports_its_begin_each_step_and_its_end(store: Store) -> None:
    """Each event has the number of steps and the latest one, as it was then."""
    now = await store.events.latest()
    operation = await begin(store)
    acting = operation.acting(make_step().action, at=NOON)
    await store.journal.save(acting, lease=LEASE)
    done = acting.acted(make_step())
    await store.journal.hand_over(done, lease=LEASE)
    await finish(store, done, record=make_record(fence=operation.id))

    events = await told(store, now)

    assert {each.game_id for each in events} == {GAME}
    assert [progress(each).operation_id for each in events] == [operation.id] * 4
    assert [progress(each).outcome for each in events] == [None, None, None, Outcome.SUCCESS]
    assert [progress(each).steps for each in events] == [0, 1, 1, 1]
    latest = [progress(each).step for each in events]
    assert latest[0] is None
    assert latest[1] == acting.steps[0]
    assert latest[2:] == [make_step()] * 2


async def test_first_event_says_who_asked_for_what(store: Store) -> None:
    """What a page shows of an operation is in each of its events."""
    now = await store.events.latest()
    operation = await begin(store)

    (event,) = await told(store, now)

    assert event.change == OperationProgress(
        operation_id=operation.id,
        kind=operation.kind,
        source=operation.request.origin.source,
        source_ref="request-1",
        image_ref=IMAGE,
        outcome=None,
        phase=Phase.FORWARD,
        error_code=None,
        error_message=None,
        steps=0,
        step=None,
    )


async def test_refusal_is_told_with_its_reason(store: Store) -> None:
    """A request that could not begin is one event, already finished."""
    now = await store.events.latest()
    refused = make_completion(outcome=Outcome.FAILURE, cause=make_cause(code=ErrorCode.CONFLICT))
    await store.journal.refuse(make_request(), refused, [])

    (event,) = await told(store, now)

    assert progress(event).outcome is Outcome.FAILURE
    assert progress(event).error_code is ErrorCode.CONFLICT
    assert progress(event).error_message == make_cause().message


async def test_new_holder_is_no_event(store: Store) -> None:
    """Who resumes an operation is no progress; the next step is."""
    operation = await begin(store)
    now = await store.events.latest()
    await store.journal.take_over(operation.game_id, lease=LEASE)

    assert await told(store, now) == []


async def test_private_detail_of_a_step_is_not_told(real_store: PostgresStore) -> None:
    """What an error keeps from callers is in no row of the events."""
    operation = await begin(real_store)
    step = make_step(result=StepResult.REFUSED, error="refused", detail="token=s3cret")
    await real_store.journal.save(operation.acting(step.action, at=NOON).acted(step), lease=LEASE)
    with psycopg.connect(real_store.dsn) as connection:
        rows = connection.execute("SELECT body::text FROM rtmanager.operator_events").fetchall()

    assert any("refused" in body for (body,) in rows)
    assert not any("s3cret" in body for (body,) in rows)


async def test_health_event_is_told_with_the_state_that_it_means(store: Store) -> None:
    """What becomes the health snapshot is an event too, after that of the operation."""
    now = await store.events.latest()
    operation = await begin(store)
    lost = make_event(event_type=HealthEventType.CONTAINER_EXITED, details={"exit_code": 137})
    await finish(store, operation, record=make_record(fence=operation.id), events=[lost])

    *_, last = await told(store, now)

    assert last.change == HealthChange(
        state=HealthState.NOT_RUNNING, error="it exited with code 137", event=lost
    )


async def test_answer_of_an_engine_is_an_event_when_it_changes(store: Store) -> None:
    """A probe that sees the same, in other words or not, is none."""
    operation = await begin(store)
    await finish(store, operation, record=make_record(fence=operation.id))
    now = await store.events.latest()
    for minute, (healthy, error) in enumerate(
        [(True, None), (True, None), (False, "refused"), (False, "no answer"), (None, "no files")]
    ):
        at = NOON + timedelta(minutes=minute)
        seen = HealthObservation(
            game_id=GAME,
            container_id=ContainerId("c" * 64),
            healthy=healthy,
            error=error,
            since=NOON,
            checked_at=at,
        )
        await store.health_log.observe([seen], round_at=at)

    changes = [each.change for each in await told(store, now)]

    assert changes == [
        HealthChange(state=HealthState.HEALTHY),
        HealthChange(state=HealthState.UNHEALTHY, error="refused"),
        HealthChange(state=HealthState.UNKNOWN, error="no files"),
    ]


async def test_reading_continues_after_each_id_without_loss_or_repetition(store: Store) -> None:
    """Pages of any length, one after the other, are all events in one order."""
    now = await store.events.latest()
    for game in (GAME, OTHER):
        await finish(store, await begin(store, game_id=game))
    everything = [each.id for each in await told(store, now)]

    read, page = [], await store.events.read(now, limit=1)
    while page.events:
        read += [each.id for each in page.events]
        assert page.last == read[-1]
        assert page.has_more is (len(read) < len(everything))
        page = await store.events.read(page.last, limit=1)

    assert read == everything == sorted(everything)
    assert len(read) == 4
    assert [each.id for each in await told(store, everything[1])] == everything[2:]


async def test_id_that_is_not_in_the_log_is_lost(store: Store) -> None:
    """It was pruned, or is of another database: nobody knows what came after it."""
    await begin(store)
    latest = await store.events.latest()
    strangers = [
        EventId(latest.transaction, latest.row, latest.at + 1),
        EventId(latest.transaction, latest.row + 1, latest.at),
        EventId(2**63 - 1, 2**63 - 1, 2**63 - 1),
        EventId(1, 0, 0),
    ]

    for each in strangers:
        with pytest.raises(EventsLost):
            await store.events.read(each, limit=10)


async def test_pruned_events_are_lost_and_the_latest_stays(store: Store) -> None:
    """Whoever is up to date continues however long nothing happened."""
    first = await store.events.latest()
    for game in (GAME, OTHER):
        await begin(store, game_id=game)
    latest = await store.events.latest()

    assert await store.events.prune(before=LONG_AGO, most=MANY, limit=100) == 0
    while await store.events.prune(before=FAR_AHEAD, most=MANY, limit=1):
        pass

    assert await told(store, latest) == []
    assert await told(store, BEGINNING) == [] or (await told(store, BEGINNING))[0].id == latest
    if first != BEGINNING:
        with pytest.raises(EventsLost):
            await store.events.read(first, limit=10)


async def test_too_many_events_are_pruned_however_young(store: Store) -> None:
    """The oldest go first, as many as there are too many."""
    now = await store.events.latest()
    for number in range(5):
        await begin(store, game_id=GameId(f"g{number}"))
    ids = [each.id for each in await told(store, now)]
    await store.events.prune(before=LONG_AGO, most=2, limit=100)

    assert [each.id for each in await told(store, ids[3])] == ids[4:]
    with pytest.raises(EventsLost):
        await store.events.read(ids[2], limit=10)


async def test_commit_wakes_whoever_listens(store: Store) -> None:
    """No polling is needed to learn of an event at once."""
    async with store.events.wakeups() as wakeups:
        await begin(store)

        async with asyncio.timeout(10):
            await anext(wakeups)


async def test_unreachable_store_is_unavailable(store: Store) -> None:
    """Every call says so."""
    store.go_away()

    with pytest.raises(ServiceUnavailable):
        await store.events.latest()
    with pytest.raises(ServiceUnavailable):
        await store.events.read(BEGINNING, limit=1)
    with pytest.raises(ServiceUnavailable):
        await store.events.prune(before=NOON, most=1, limit=1)
    with pytest.raises(ServiceUnavailable):
        await store.drift_log.note([finding()], left=[])


async def test_event_that_commits_late_is_not_skipped(real_store: PostgresStore) -> None:
    """The earlier id, committed later, comes first: nobody goes past it before."""
    now = await real_store.events.latest()
    with (
        psycopg.connect(real_store.dsn) as early,
        psycopg.connect(real_store.dsn) as late,
    ):
        early.execute(TELL, ["early"])
        late.execute(TELL, ["late"])
        late.commit()
        page = await real_store.events.read(now, limit=10)
        early.commit()

    assert (page.events, page.last, page.waits) == ([], now, True)
    page = await real_store.events.read(page.last, limit=10)
    assert [each.game_id for each in page.events] == ["early", "late"]
    assert not page.waits


async def test_low_id_of_a_later_transaction_is_not_skipped(real_store: PostgresStore) -> None:
    """Ids are drawn in another order than transactions begin; theirs decides."""
    now = await real_store.events.latest()
    with (
        psycopg.connect(real_store.dsn) as first,
        psycopg.connect(real_store.dsn) as second,
    ):
        first.execute("SELECT pg_current_xact_id()")
        second.execute(TELL, ["second"])
        first.execute(TELL, ["first"])
        first.commit()
        page = await real_store.events.read(now, limit=10)
        second.commit()

    assert [each.game_id for each in page.events] == ["first"]
    page = await real_store.events.read(page.last, limit=10)
    assert [each.game_id for each in page.events] == ["second"]


async def test_transactions_are_in_order_as_numbers(real_store: PostgresStore) -> None:
    """As texts, the hundredth would come before the ninety-ninth."""
    with psycopg.connect(real_store.dsn) as connection:
        for transaction in ("100", "9", "99", "10"):
            connection.execute(
                "INSERT INTO rtmanager.operator_events (transaction, type, game_id, body)"
                """ VALUES (%s, 'health', %s, '{"healthy": true, "error": null}')""",
                [transaction, transaction],
            )
        connection.execute("DELETE FROM rtmanager.operator_events WHERE type = 'begin'")
    events = await told(real_store, BEGINNING)

    assert [each.game_id for each in events] == ["9", "10", "99", "100"]
    assert await real_store.events.latest() == events[-1].id
    assert [each.game_id for each in await told(real_store, events[1].id)] == ["99", "100"]


async def test_rows_of_a_copied_database_do_not_hold_up_others(real_store: PostgresStore) -> None:
    """Transactions that are yet to come here have left them; they are removed."""
    now = await real_store.events.latest()
    with psycopg.connect(real_store.dsn) as connection:
        connection.execute(
            "INSERT INTO rtmanager.operator_events (transaction, type, game_id, body)"
            " VALUES ('9000000000000', 'health', 'copied', '{}')"
        )
    await begin(real_store)
    page = await real_store.events.read(now, limit=10)

    assert [each.game_id for each in page.events] == [GAME]
    assert not page.waits
    assert await real_store.events.prune(before=LONG_AGO, most=MANY, limit=10) == 1


async def test_drift_is_told_when_it_is_found_and_when_it_is_gone(store: Store) -> None:
    """A round that finds the same reports nothing."""
    now = await store.events.latest()
    for left in ([finding()], [finding()], []):
        await store.drift_log.note(left, left=left)

    changes = [each.change for each in await told(store, now)]

    assert changes == [
        DriftChange(is_present=True, finding=finding()),
        DriftChange(is_present=False, finding=finding()),
    ]
    assert await store.drift_log.present() == []


async def test_drift_that_a_round_finds_and_reconciles_is_told_twice(store: Store) -> None:
    """What was never left over is found, and gone."""
    now = await store.events.latest()
    others = finding(game=OTHER)
    await store.drift_log.note([finding(), others], left=[others])

    changes = [each.change for each in await told(store, now)]

    assert [
        (each.is_present, each.finding.drift.game_id)
        for each in changes
        if isinstance(each, DriftChange)
    ] == [(True, GAME), (True, OTHER), (False, GAME)]
    assert await store.drift_log.present() == [others]


async def test_present_drift_has_the_time_of_its_next_attempt(store: Store) -> None:
    """The leader alone knows it; every replica can say it."""
    retried = Finding(finding().drift, NOON)
    await store.drift_log.note([finding()], left=[finding()])
    await store.drift_log.note([retried], left=[retried])

    assert await store.drift_log.present() == [retried]
