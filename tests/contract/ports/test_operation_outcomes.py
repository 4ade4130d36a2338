from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEventType
from rtmanager.domain.operation import (
    Cause,
    Fence,
    LeaseNumber,
    OpSource,
    Origin,
    Outcome,
    Phase,
    StepResult,
)
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseLost
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import (
    GAME,
    LEASE,
    NOON,
    make_cause,
    make_event,
    make_message,
    make_record,
    make_step,
)
from tests.contract.ports.journals import EARLIER, LATER, begin, finish
from tests.contract.ports.stores import Store, open_store

OTHER = GameId("go-3")
STRANGE = ["a\0b", "cut \ud83d here", "\udcff", "\\u0000"]


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


async def test_finish_completes_the_operation(store: Store) -> None:
    """Outcome, error, progress and details are kept."""
    begun = await begin(store)
    operation = replace(
        begun,
        phase=Phase.BACK,
        cause=make_cause(),
        steps=(make_step(), make_step(result=StepResult.REFUSED, error="in use", note="by g2")),
    )
    details = {"exit_code": 1, "log_tail": ["one", "two"], "oom": False, "downtime_ms": 1.5}

    await finish(store, operation, outcome=Outcome.FAILURE, cause=operation.cause, details=details)

    assert store.operation(operation.id) == replace(
        operation,
        outcome=Outcome.FAILURE,
        error_code=ErrorCode.CONTAINER_START_FAILED,
        error_message="the engine exited with code 1",
        details=details,
        finished_at=NOON,
    )


async def test_finish_with_only_a_code_has_no_message(store: Store) -> None:
    """A replay has an error code but no message."""
    operation = await begin(store)

    await finish(store, operation, cause=Cause(code=ErrorCode.REPLAY_NO_OP, message=""))

    stored = store.operation(operation.id)
    assert stored is not None
    assert (stored.error_code, stored.error_message) == (ErrorCode.REPLAY_NO_OP, None)


async def test_finish_writes_the_record(store: Store) -> None:
    """The record becomes what the operation decided, and the row names its container."""
    operation = await begin(store)
    record = make_record(fence=operation.id)

    await finish(store, operation, record=record)

    assert await store.records.get(GAME) == record
    stored = store.operation(operation.id)
    assert stored is not None
    assert stored.container_id == record.current_container_id


async def test_finish_that_removes_the_container_names_it(store: Store) -> None:
    """The row of a cleanup names the removed container."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)
    second = await begin(store)

    await finish(store, second, record=record.removed(fence=second.id, at=NOON))

    stored = store.operation(second.id)
    assert stored is not None
    assert stored.container_id == record.current_container_id


async def test_finish_without_a_record_leaves_none(store: Store) -> None:
    """A game whose first start failed still has no record."""
    await finish(store, await begin(store), outcome=Outcome.FAILURE)

    assert await store.records.get(GAME) is None


async def test_finish_with_the_record_as_it_was_does_not_touch_it(store: Store) -> None:
    """A failure that was rolled back changes neither the record nor its fence."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)

    await finish(store, await begin(store), outcome=Outcome.FAILURE, record=record)

    assert await store.records.get(GAME) == record


async def test_finish_keeps_the_latest_event_as_snapshot(store: Store) -> None:
    """The last event in order is the snapshot, even if an earlier one has a later date."""
    lost = make_event(event_type=HealthEventType.CONTAINER_DISAPPEARED, details={})
    last = make_event(
        event_type=HealthEventType.PROBE_FAILED,
        details={"error": "refused"},
        occurred_at=NOON.replace(hour=1),
    )

    await finish(store, await begin(store), events=[lost, last])

    assert store.health(GAME) == last


async def test_finish_replaces_the_snapshot(store: Store) -> None:
    """A game has one snapshot, the latest."""
    await finish(store, await begin(store), events=[make_event()])
    recovered = make_event(event_type=HealthEventType.PROBE_RECOVERED, details={})

    await finish(store, await begin(store), events=[recovered])

    assert store.health(GAME) == recovered


async def test_finish_writes_the_messages_in_their_order(store: Store) -> None:
    """Messages are sent in the order of the completion."""
    messages = [make_message(fields={"n": str(number)}) for number in range(5)]

    await finish(store, await begin(store), messages)

    assert [fields["n"] for _, fields in store.outbox()] == ["0", "1", "2", "3", "4"]


async def test_finish_frees_the_game(store: Store) -> None:
    """The next operation may begin."""
    await finish(store, await begin(store))

    second = await begin(store)

    assert await store.journal.open_operation(GAME) == second


async def test_finish_repeated_by_its_holder_changes_nothing(store: Store) -> None:
    """The first outcome stays, and repeating raises nothing."""
    operation = await begin(store)
    await finish(store, operation)
    finished = store.operation(operation.id)

    await finish(
        store,
        operation,
        [make_message()],
        outcome=Outcome.FAILURE,
        record=make_record(fence=operation.id),
        events=[make_event()],
    )

    assert store.operation(operation.id) == finished
    assert await store.records.get(GAME) is None
    assert (store.health(GAME), store.outbox()) == (None, [])


@pytest.mark.parametrize("lease", [EARLIER, LATER])
async def test_finish_of_what_another_finished_is_refused(store: Store, lease: LeaseNumber) -> None:
    """An operation that another holder finished is refused, whatever the lease number."""
    operation = await begin(store)
    await finish(store, operation)

    with pytest.raises(LeaseLost):
        await finish(store, operation, [make_message()], lease=lease, outcome=Outcome.FAILURE)

    stored = store.operation(operation.id)
    assert stored is not None
    assert stored.outcome is Outcome.SUCCESS
    assert store.outbox() == []


async def test_finish_behind_a_higher_fence_is_refused(store: Store) -> None:
    """A record is only replaced by one of a higher fence; else nothing is written."""
    record = make_record(fence=Fence(1_000))
    await finish(store, await begin(store), record=record)
    late = await begin(store)

    with pytest.raises(LeaseLost) as raised:
        await finish(store, late, [make_message()], record=make_record(fence=late.id))

    assert raised.value.highest == LEASE
    assert await store.records.get(GAME) == record
    assert await store.journal.open_operation(GAME) == late
    assert store.outbox() == []


async def test_finish_at_the_same_fence_is_refused(store: Store) -> None:
    """A different record of the same fence was written by a later operation."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)

    with pytest.raises(LeaseLost):
        await finish(
            store, await begin(store), record=replace(record, status=RuntimeStatus.STOPPED)
        )

    assert await store.records.get(GAME) == record


async def test_finish_of_an_unknown_operation_is_refused(store: Store) -> None:
    """An operation that was never begun cannot be finished."""
    operation = replace(await begin(store), id=Fence(999_999))
    stranger = replace(operation, request=replace(operation.request, game_id=OTHER))

    with pytest.raises(LeaseLost) as raised:
        await finish(store, operation)
    with pytest.raises(LeaseLost) as raised_of_stranger:
        await finish(store, stranger)

    assert (raised.value.highest, raised_of_stranger.value.highest) == (LEASE, NO_LEASE)


async def test_finish_of_another_game_s_operation_is_refused(store: Store) -> None:
    """The operation must belong to this game."""
    operation = await begin(store)
    request = replace(operation.request, game_id=OTHER)

    with pytest.raises(LeaseLost):
        await finish(store, replace(operation, request=request))

    assert await store.journal.open_operation(GAME) == operation


@pytest.mark.parametrize("text", STRANGE)
async def test_strange_text_never_fails_an_operation(store: Store, text: str) -> None:
    """Strange bytes in log lines and messages are made printable and fail nothing."""
    origin = Origin(OpSource.ADMIN_REST, text)
    cause = make_cause(message=f"before {text} after", log_tail=(text,))
    begun = await begin(store, origin=origin, image_ref=text)
    operation = replace(begun, cause=cause, steps=(make_step(error=text, note=text),))
    await store.journal.save(operation, lease=LEASE)

    await finish(
        store,
        operation,
        [make_message(fields={"error_message": text})],
        cause=cause,
        details={text: [text, {text: text}]},
        events=[make_event(details={"error": text})],
    )

    stored = store.operation(begun.id)
    assert stored is not None
    assert stored.error_message is not None
    assert stored.error_message.startswith("before ")
    assert stored.error_message.endswith(" after")


async def test_finish_whose_reply_was_lost_can_be_repeated(store: Store) -> None:
    """Repeating after a lost reply writes nothing twice."""
    operation = await begin(store)
    store.lose_reply_to_commit()
    with pytest.raises(ServiceUnavailable):
        await finish(store, operation, [make_message()])

    await finish(store, operation, [make_message()])

    assert len(store.outbox()) == 1


async def test_finish_that_dies_before_its_end_writes_nothing(store: Store) -> None:
    """The outcome is written whole or not at all, and can then be repeated."""
    operation = await begin(store)
    record = make_record(fence=operation.id)
    store.die_before_commit()

    with pytest.raises(ServiceUnavailable):
        await finish(store, operation, [make_message()], record=record, events=[make_event()])

    assert await store.journal.open_operation(GAME) == operation
    assert await store.records.get(GAME) is None
    assert (store.health(GAME), store.outbox()) == (None, [])
    await finish(store, operation, [make_message()], record=record)
    assert await store.records.get(GAME) == record


async def test_finish_that_was_rolled_back_names_the_container(store: Store) -> None:
    """A failure of a game that still has its container names that container."""
    first = await begin(store)
    record = make_record(fence=first.id, current_container_id=ContainerId("d" * 64))
    await finish(store, first, record=record)
    second = await begin(store)

    await finish(store, second, outcome=Outcome.FAILURE, record=record)

    stored = store.operation(second.id)
    assert stored is not None
    assert stored.container_id == record.current_container_id
