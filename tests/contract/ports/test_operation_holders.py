import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    LeaseNumber,
    Operation,
    Outcome,
    Phase,
    Predecessor,
    StepResult,
)
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import Begun
from tests.builders import (
    GAME,
    LEASE,
    NOON,
    make_action,
    make_cause,
    make_message,
    make_record,
    make_step,
)
from tests.contract.ports.journals import LATER, begin, finish
from tests.contract.ports.stores import Store, open_store

OTHER = GameId("go-3")
LATEST = LeaseNumber(LATER + 1)


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


async def take_over(store: Store, lease: LeaseNumber = LATER) -> Operation:
    """Take over the game's open operation, as a new holder does."""
    begun = await store.journal.take_over(GAME, lease=lease)
    assert begun is not None
    return begun.operation


def rolled_back(operation: Operation) -> Operation:
    """Return the operation in its rollback, with an action in flight."""
    step = make_step(
        error_code=ErrorCode.CONFLICT, error="in use", detail="by g2", note="by another"
    )
    known = replace(operation, steps=(step,))
    return known.rolled_back(make_cause(detail="its answer")).acting(
        make_action(container_id=None), at=NOON
    )


async def test_save_keeps_phase_cause_and_steps(store: Store) -> None:
    """Saved progress is read back whole, including an action in flight and its container."""
    operation = rolled_back(await begin(store))

    await store.journal.save(operation, lease=LEASE)

    assert await store.journal.open_operation(GAME) == operation


async def test_save_keeps_an_action_without_container_or_address(store: Store) -> None:
    """Unknown fields of an action are read back as unknown."""
    action = make_action(container_id=None, address=None)
    operation = (await begin(store)).acting(action, at=NOON)

    await store.journal.save(operation, lease=LEASE)

    assert store.operation(operation.id) == operation


async def test_save_may_be_repeated(store: Store) -> None:
    """The last save wins."""
    operation = await begin(store)
    await store.journal.save(rolled_back(operation), lease=LEASE)
    await store.journal.save(operation, lease=LEASE)
    await store.journal.save(operation, lease=LEASE)

    assert await store.journal.open_operation(GAME) == operation


async def test_save_changes_nothing_else(store: Store) -> None:
    """The request and the predecessor stay as they were first written."""
    predecessor = Predecessor(container_id=ContainerId("c1"), ran=True)
    operation = await begin(store, predecessor=predecessor)
    changed = replace(operation, predecessor=None, lost=7, outcome=Outcome.SUCCESS)

    await store.journal.save(replace(changed, phase=Phase.BACK), lease=LEASE)

    assert await store.journal.open_operation(GAME) == replace(operation, phase=Phase.BACK)


async def test_save_whose_reply_was_lost_has_happened(store: Store) -> None:
    """After a lost reply the caller gets ServiceUnavailable and may repeat the save."""
    operation = rolled_back(await begin(store))
    store.lose_reply_to_save()

    with pytest.raises(ServiceUnavailable):
        await store.journal.save(operation, lease=LEASE)

    assert await store.journal.open_operation(GAME) == operation
    await store.journal.save(operation, lease=LEASE)


async def test_save_of_a_finished_operation_is_refused(store: Store) -> None:
    """Not even its own holder can save progress of a finished operation."""
    operation = await begin(store)
    await finish(store, operation)

    with pytest.raises(LeaseLost) as raised:
        await store.journal.save(operation, lease=LEASE)

    assert raised.value.highest == LEASE


async def test_take_over_of_a_game_without_an_open_operation_is_none(store: Store) -> None:
    """There is nothing to take over without an operation, after it finished, or of another game."""
    assert await store.journal.take_over(GAME, lease=LEASE) is None
    await finish(store, await begin(store))
    await begin(store, game_id=OTHER)

    assert await store.journal.take_over(GAME, lease=LEASE) is None


async def test_take_over_of_nothing_is_still_noticed(store: Store) -> None:
    """Even an empty takeover shows an earlier holder that it has lost its lease."""
    await store.journal.take_over(GAME, lease=LATER)

    with pytest.raises(LeaseLost) as raised:
        await begin(store)

    assert raised.value.highest == LATER


async def test_take_over_returns_operation_and_record(store: Store) -> None:
    """A takeover returns all that the next holder needs to decide."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)
    operation = await begin(store)

    begun = await store.journal.take_over(GAME, lease=LATER)

    assert begun == Begun(replace(operation, lost=1), record)


async def test_take_over_puts_in_doubt_what_was_in_flight(store: Store) -> None:
    """An action in flight becomes uncertain; actions that were answered stay answered."""
    operation = rolled_back(await begin(store))
    await store.journal.save(operation, lease=LEASE)

    taken = await take_over(store)

    assert [step.result for step in taken.steps] == [StepResult.DONE, StepResult.UNKNOWN]
    assert taken == replace(operation, lost=1).taken_over()


async def test_save_takes_a_hand_over_back(store: Store) -> None:
    """A holder that saves after its handover counts as lost again if it dies."""
    operation = await begin(store)
    await store.journal.hand_over(operation, lease=LEASE)
    await store.journal.save(operation, lease=LEASE)

    assert (await take_over(store, LATER)).lost == 1


async def test_take_over_counts_each_lost_process(store: Store) -> None:
    """Each takeover from a lost process is counted on the operation."""
    await begin(store)

    lost = [(await take_over(store, LeaseNumber(LEASE + n))).lost for n in (1, 2, 3)]

    assert lost == [1, 2, 3]


async def test_trap_innocent_among_many_is_counted_from_one_after_progress(store: Store) -> None:
    """Progress since the last lost process resets the count to one."""
    operation = await begin(store)
    assert [(await take_over(store, LeaseNumber(LEASE + n))).lost for n in (1, 2)] == [1, 2]
    further = replace(operation, steps=(make_step(),))
    await store.journal.save(further, lease=LeaseNumber(LEASE + 2))

    lost = [(await take_over(store, LeaseNumber(LEASE + n))).lost for n in (3, 4)]

    assert lost == [1, 2]


async def test_lost_process_is_shared_by_all_its_operations(store: Store) -> None:
    """A lost process is divided among the operations it held, except those handed over."""
    await begin(store)
    await begin(store, game_id=GameId("other-1"))
    await begin(store, game_id=GameId("other-2"))
    idle = await begin(store, game_id=GameId("idle"))
    await store.journal.hand_over(idle, lease=LEASE)

    assert (await take_over(store)).lost == pytest.approx(1 / 3)


async def test_take_over_after_a_hand_over_counts_no_loss(store: Store) -> None:
    """A takeover after a handover counts no lost process; the next one may."""
    operation = rolled_back(await begin(store))
    await store.journal.hand_over(operation, lease=LEASE)

    assert (await take_over(store, LATER)).lost == 0
    assert (await take_over(store, LATEST)).lost == 1


async def test_take_over_repeated_under_one_lease_counts_once(store: Store) -> None:
    """Repeating a takeover after a lost reply counts no second process."""
    await begin(store)
    store.lose_reply_to_commit()
    with pytest.raises(ServiceUnavailable):
        await store.journal.take_over(GAME, lease=LATER)

    assert (await take_over(store, LATER)).lost == 1
    assert (await take_over(store, LATER)).lost == 1


async def test_hand_over_keeps_what_is_in_flight(store: Store) -> None:
    """The next holder sees which action may still take effect."""
    operation = rolled_back(await begin(store))

    await store.journal.hand_over(operation, lease=LEASE)

    assert await store.journal.open_operation(GAME) == operation
    assert (await take_over(store)).is_in_doubt(operation.steps[-1].action)


async def test_handed_over_are_the_open_operations_without_a_holder(store: Store) -> None:
    """Lists, oldest first, open operations handed over and not yet taken over."""
    names = ["z-1", "at-it", "a-2", "taken", "ended"]
    begun = {name: await begin(store, game_id=GameId(name)) for name in names}
    for name in ("a-2", "taken", "ended", "z-1"):
        await store.journal.hand_over(begun[name], lease=LEASE)
    await store.journal.take_over(GameId("taken"), lease=LATER)
    await finish(store, begun["ended"])

    found = await store.journal.handed_over()

    assert list(found.items()) == [(begun[each].id, each) for each in ("z-1", "a-2")]


async def test_handed_over_no_longer_when_the_holder_resumes(store: Store) -> None:
    """A start that got its turn in the queue is in progress again."""
    operation = await begin(store)
    await store.journal.hand_over(operation, lease=LEASE)
    await store.journal.save(operation, lease=LEASE)

    assert await store.journal.handed_over() == {}


async def test_next_holder_resumes(store: Store) -> None:
    """The next holder saves progress, finishes, and begins the next operation."""
    await begin(store)
    taken = await take_over(store)
    progressed = rolled_back(taken)

    await store.journal.save(progressed, lease=LATER)
    await finish(store, progressed, lease=LATER)

    stored = store.operation(taken.id)
    assert stored is not None
    assert (stored.lost, stored.steps, stored.outcome) == (1, progressed.steps, Outcome.SUCCESS)
    await begin(store, lease=LATER)


async def test_of_two_that_take_over_at_once_the_later_one_holds(store: Store) -> None:
    """The higher lease number wins, in whatever order the transactions commit."""
    operation = await begin(store)

    await asyncio.gather(
        *(store.journal.take_over(GAME, lease=lease) for lease in (LATEST, LATER)),
        return_exceptions=True,
    )

    with pytest.raises(LeaseLost):
        await store.journal.save(operation, lease=LATER)
    await store.journal.save(operation, lease=LATEST)


@pytest.mark.parametrize("call", ["begin", "save", "hand over", "take over", "finish"])
async def test_trap_frozen_holder_resumes_a_live_operation(store: Store, call: str) -> None:
    """A holder that wakes after others took its lease changes nothing."""
    operation = await begin(store)
    taken = await take_over(store)
    stale = rolled_back(operation)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "begin": lambda: begin(store),
        "save": lambda: store.journal.save(stale, lease=LEASE),
        "hand over": lambda: store.journal.hand_over(stale, lease=LEASE),
        "take over": lambda: store.journal.take_over(GAME, lease=LEASE),
        "finish": lambda: finish(
            store, stale, [make_message()], record=make_record(fence=stale.id)
        ),
    }

    with pytest.raises(LeaseLost) as raised:
        await calls[call]()

    assert raised.value.highest == LATER
    assert await store.journal.open_operation(GAME) == taken
    assert (await store.records.get(GAME), store.outbox()) == (None, [])
    assert (await take_over(store, LATEST)).lost == 2


async def test_trap_redis_flushed_under_two_replicas(store: Store) -> None:
    """When two replicas hold the lease, the one with the lower number can change nothing."""
    older = await begin(store)
    newer = await take_over(store)
    await finish(store, newer, lease=LATER)
    second = await begin(store, lease=LATER)

    for attempt in (
        begin(store),
        store.journal.take_over(GAME, lease=LEASE),
        store.journal.save(older, lease=LEASE),
        store.journal.save(second, lease=LEASE),
        store.journal.hand_over(second, lease=LEASE),
        finish(store, older),
        finish(store, second),
    ):
        with pytest.raises(LeaseLost):
            await attempt

    assert await store.journal.open_operation(GAME) == second
