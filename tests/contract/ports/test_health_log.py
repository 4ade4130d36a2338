import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType, HealthObservation
from rtmanager.domain.messages import health_message
from rtmanager.domain.ports.health_log import Watch
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import (
    GAME,
    NOON,
    make_baseline,
    make_event,
    make_record,
)
from tests.contract.ports.journals import begin, finish
from tests.contract.ports.stores import PostgresStore, Store, open_store

OTHER = GameId("go-3")
FORMER = ContainerId("f" * 64)


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


async def record(store: Store, **changes: object) -> None:
    """Write a record, of a running game by default."""
    operation = await begin(store, game_id=changes.get("game_id", GAME))
    await finish(store, operation, record=make_record(**changes, fence=operation.id))


def bad_news(**changes: object) -> HealthEvent:
    """Return the event that a probe reports."""
    facts: dict[str, object] = {
        "event_type": HealthEventType.PROBE_FAILED,
        "details": {"consecutive_failures": 3, "error": "it said \u201cno\u201d"},
    }
    return make_event(**(facts | changes))


async def test_there_is_nothing_at_first(store: Store) -> None:
    """A game that was never observed has neither baseline nor snapshot."""
    assert dict(await store.health_log.baselines(Watch.PROBE)) == {}
    assert store.health(GAME) is None


async def test_baseline_comes_back_as_it_was_noted(store: Store) -> None:
    """A baseline is read back with every field unchanged."""
    await record(store)
    baseline = make_baseline(failing=True, count=3)

    assert await store.health_log.note(baseline)

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {GAME: baseline}


async def test_baseline_alone_writes_no_message(store: Store) -> None:
    """Without an event neither a snapshot nor a message is written."""
    await record(store)

    await store.health_log.note(make_baseline())

    assert (store.health(GAME), store.outbox()) == (None, [])


async def test_later_baseline_replaces_the_earlier(store: Store) -> None:
    """A watcher has one baseline per game, whatever the container."""
    await record(store)
    await store.health_log.note(make_baseline(failing=True, count=3))
    await record(store, current_container_id=FORMER)
    later = make_baseline(container_id=FORMER)

    assert await store.health_log.note(later)

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {GAME: later}


async def test_each_watcher_has_baselines_of_its_own(store: Store) -> None:
    """The probe's baselines, those of inspect and those of nodes are independent."""
    await record(store)
    probe, inspect = make_baseline(count=3), make_baseline(watch=Watch.INSPECT, count=1)
    node = make_baseline(watch=Watch.NODE, failing=True)
    for each in (probe, inspect, node):
        await store.health_log.note(each)

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {GAME: probe}
    assert dict(await store.health_log.baselines(Watch.INSPECT)) == {GAME: inspect}
    assert dict(await store.health_log.baselines(Watch.NODE)) == {GAME: node}


async def test_each_game_has_baselines_of_its_own(store: Store) -> None:
    """One call returns the baselines of all games."""
    for game_id in (GAME, OTHER):
        await record(store, game_id=game_id)
        await store.health_log.note(make_baseline(game_id=game_id))

    assert set(await store.health_log.baselines(Watch.PROBE)) == {GAME, OTHER}


async def test_event_becomes_the_snapshot_and_a_message(store: Store) -> None:
    """An event is stored as the snapshot and sent as a message."""
    await record(store)
    event = bad_news()

    assert await store.health_log.note(make_baseline(failing=True), event)

    assert store.health(GAME) == event
    assert store.outbox() == [("health_events", health_message(event).fields)]


async def test_snapshot_is_the_latest_event(store: Store) -> None:
    """Only the latest event is the snapshot; the messages include all of them, in order."""
    await record(store)
    recovered = bad_news(event_type=HealthEventType.PROBE_RECOVERED, details={"prior_failures": 3})
    await store.health_log.note(make_baseline(failing=True), bad_news())
    await store.health_log.note(make_baseline(), recovered)

    assert store.health(GAME) == recovered
    types = [fields["event_type"] for _, fields in store.outbox()]
    assert types == ["probe_failed", "probe_recovered"]


async def test_snapshot_of_an_operation_is_read_too(store: Store) -> None:
    """Operations and watchers write the same snapshot."""
    await finish(store, await begin(store), events=[make_event()])

    assert store.health(GAME) == make_event()


@pytest.mark.parametrize("status", [RuntimeStatus.STOPPED, RuntimeStatus.REMOVED])
async def test_event_of_a_game_that_does_not_run_is_too_late(
    store: Store, status: RuntimeStatus
) -> None:
    """An engine that was stopped meanwhile is not reported as failing."""
    await record(store, status=status)

    assert not await store.health_log.note(make_baseline(failing=True), bad_news())

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {}
    assert (store.health(GAME), store.outbox()) == (None, [])


async def test_event_of_a_former_container_is_too_late(store: Store) -> None:
    """An event of a replaced container is not attributed to its successor."""
    await record(store)
    known = make_baseline()
    await store.health_log.note(known)

    assert not await store.health_log.note(make_baseline(container_id=FORMER), bad_news())

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {GAME: known}
    assert (store.health(GAME), store.outbox()) == (None, [])


async def test_event_of_a_game_without_a_record_is_too_late(store: Store) -> None:
    """A game that was never started has no health."""
    assert not await store.health_log.note(make_baseline(), bad_news())

    assert store.health(GAME) is None


async def test_strange_text_in_an_event_is_kept_readable(store: Store) -> None:
    """Strange bytes in a probe's answer are made printable and do not fail the watcher."""
    await record(store)
    event = bad_news(details={"error": "a\0b \ud83d"})

    assert await store.health_log.note(make_baseline(), event)

    latest = store.health(GAME)
    assert latest is not None
    assert str(latest.details["error"]).startswith("a")


@pytest.mark.parametrize("game_id", ["\0", "\ud800", "../etc", "\n", "🎲", "x" * 10_000, ""])
async def test_event_of_a_strange_id_is_too_late(store: Store, game_id: str) -> None:
    """An id that no game can have is not found, whatever its bytes."""
    strange = GameId(game_id)

    assert not await store.health_log.note(
        make_baseline(game_id=strange), bad_news(game_id=strange)
    )

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {}


async def test_note_whose_reply_was_lost_is_written(store: Store) -> None:
    """After a lost reply the caller gets ServiceUnavailable, and the baseline is written."""
    await record(store)
    store.lose_reply_to_commit()

    with pytest.raises(ServiceUnavailable):
        await store.health_log.note(make_baseline(failing=True), bad_news())

    assert (await store.health_log.baselines(Watch.PROBE))[GAME].failing
    assert len(store.outbox()) == 1


async def test_note_that_dies_before_its_end_writes_nothing(store: Store) -> None:
    """Baseline, snapshot and message are written together or not at all."""
    await record(store)
    store.die_before_commit()

    with pytest.raises(ServiceUnavailable):
        await store.health_log.note(make_baseline(failing=True), bad_news())

    assert dict(await store.health_log.baselines(Watch.PROBE)) == {}
    assert (store.health(GAME), store.outbox()) == (None, [])


@pytest.mark.parametrize("call", ["baselines", "note"])
async def test_unreachable_store_raises_service_unavailable(store: Store, call: str) -> None:
    """Every method raises ServiceUnavailable while the store is away."""
    store.go_away()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "baselines": lambda: store.health_log.baselines(Watch.PROBE),
        "note": lambda: store.health_log.note(make_baseline()),
    }

    with pytest.raises(ServiceUnavailable):
        await calls[call]()


async def test_event_waits_for_the_operation_that_ends_the_container(database_dsn: str) -> None:
    """The record is locked, so the event is judged by what the operation commits."""
    async with open_store(database_dsn) as store:
        assert isinstance(store, PostgresStore)
        await record(store)
        async with await psycopg.AsyncConnection.connect(database_dsn) as operation:
            await operation.execute("UPDATE runtime_records SET status = 'stopped'")
            note = asyncio.create_task(store.health_log.note(make_baseline(), bad_news()))
            await until_waiting(database_dsn)
            await operation.commit()

            assert not await note

        assert store.outbox() == []


async def until_waiting(dsn: str) -> None:
    """Wait until some session of the database waits for a lock."""
    query = """
        SELECT EXISTS (
            SELECT FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()
        )
    """
    async with (
        asyncio.timeout(10),
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        while await (await connection.execute(query)).fetchone() != (True,):  # noqa: ASYNC110 - Postgres sends no notice
            await asyncio.sleep(0.01)


def answer(**changes: object) -> HealthObservation:
    """Return what an engine has answered, by default that it is healthy."""
    baseline = make_baseline()
    facts: dict[str, object] = {
        "game_id": GAME,
        "container_id": baseline.container_id,
        "healthy": True,
        "error": None,
        "since": NOON,
        "checked_at": NOON,
    }
    return HealthObservation(**(facts | changes))  # type: ignore[arg-type]


async def test_answers_come_back_with_the_round(store: Store) -> None:
    """What a round has changed is read back by game, with what else is known."""
    await record(store)
    missed = answer(healthy=False, error="it said \u201cno\u201d", misses=2)

    await store.health_log.observe([missed], round_at=NOON)
    await store.health_log.note(make_baseline(failing=True, count=3), bad_news())

    known = await store.engine_health.of(GAME)
    assert dict(await store.health_log.observations()) == {GAME: missed}
    assert (known.observation, known.probed_at) == (missed, NOON)
    assert known.baselines == (make_baseline(failing=True, count=3),)
    assert known.last_event == bad_news()
    assert dict(await store.engine_health.all()) == {GAME: known}


async def test_nothing_is_known_of_an_unknown_game(store: Store) -> None:
    """A game that was never observed has no health, but rounds are made."""
    await store.health_log.observe([], round_at=NOON)

    assert (await store.engine_health.of(OTHER)).observation is None
    assert dict(await store.engine_health.all()) == {}


async def test_answer_of_a_former_container_is_not_stored(store: Store) -> None:
    """An operation may replace the container while its engine is being probed."""
    await record(store)

    await store.health_log.observe([answer(container_id=FORMER)], round_at=NOON)

    assert dict(await store.health_log.observations()) == {}


async def test_earlier_answer_does_not_replace_a_later_one(store: Store) -> None:
    """The start's own answer is newer than that of a round which began before."""
    await record(store)
    later = answer(checked_at=NOON + timedelta(seconds=5))
    await store.health_log.observe([later], round_at=NOON)

    await store.health_log.observe([answer(healthy=False)], round_at=NOON - timedelta(seconds=9))

    known = await store.engine_health.of(GAME)
    assert (known.observation, known.probed_at) == (later, NOON)


async def test_answer_at_the_gate_is_stored_with_the_outcome(store: Store) -> None:
    """The health of a new engine is known as soon as its game runs."""
    operation = await begin(store)
    await finish(store, operation, record=make_record(fence=operation.id), observation=answer())

    assert (await store.engine_health.of(GAME)).observation == answer()
