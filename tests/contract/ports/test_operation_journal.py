import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import psycopg
import pytest

from rtmanager.domain.completion import refused, replayed
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import Conflict, ErrorCode, InvalidRequest, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OpSource,
    Origin,
    Outcome,
    Predecessor,
    StopReason,
)
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Admission,
    Begun,
    Decided,
    JobAlreadyRecorded,
    Ledger,
    OperationStillOpen,
)
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import (
    GAME,
    LEASE,
    NOON,
    make_completion,
    make_job,
    make_message,
    make_record,
    make_request,
)
from tests.contract.ports.journals import EARLIER, LATER, begin, finish, recording_rule
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import Asked, begin_one, proceed

OTHER = GameId("go-3")


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


def answered(_ledger: Ledger) -> Admission:
    """Answer a request at once."""
    return Admission(completion=make_completion(), messages=[make_message()])


async def test_begin_inserts_an_open_operation(store: Store) -> None:
    """The request is in the log before anything is done."""
    request = make_request(reason=StopReason.FINISHED, container_id=ContainerId("c1"))

    begun = await begin_one(store.journal, request, proceed)

    assert begun.operation == Operation(id=begun.operation.id, request=request, started_at=NOON)
    assert store.operation(begun.operation.id) == begun.operation


@pytest.mark.parametrize(("ran", "healthy"), [(False, False), (True, False), (True, True)])
async def test_begin_keeps_the_predecessor(store: Store, *, ran: bool, healthy: bool) -> None:
    """A later holder reads what was found before the first action."""
    predecessor = Predecessor(container_id=ContainerId("c1"), ran=ran, healthy=healthy)

    operation = await begin(store, predecessor=predecessor)

    assert operation.predecessor == predecessor
    assert await store.journal.open_operation(GAME) == operation


async def test_begin_lets_the_rule_see_the_record(store: Store) -> None:
    """The rule judges the stored record, which the caller gets as well."""
    operation = await begin(store)
    record = make_record(fence=operation.id)
    await finish(store, operation, record=record)
    seen: list[Ledger] = []

    begun = await begin_one(store.journal, make_request(), recording_rule(seen))

    assert seen == [Ledger(record)]
    assert begun.record == record


async def test_begin_with_a_completion_inserts_a_finished_operation(store: Store) -> None:
    """A refusal is finished at once and leaves the game free."""
    completion = refused(Conflict("it runs"), at=NOON + timedelta(seconds=1))

    begun = await begin_one(
        store.journal,
        make_request(),
        lambda _: Admission(completion=completion),
        lease=LEASE,
        at=NOON,
    )

    stored = store.operation(begun.operation.id)
    assert stored == begun.operation
    assert (stored.outcome, stored.error_code, stored.error_message) == (
        Outcome.FAILURE,
        ErrorCode.CONFLICT,
        "it runs",
    )
    assert (stored.started_at, stored.finished_at) == (NOON, completion.at)
    assert await store.journal.open_operation(GAME) is None


async def test_begin_with_a_replay_names_the_container(store: Store) -> None:
    """A replay names the running container; an error code alone has no message."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)

    begun = await begin_one(
        store.journal,
        make_request(),
        lambda ledger: Admission(completion=replayed(ledger.record, at=NOON)),
        lease=LEASE,
        at=NOON,
    )

    stored = store.operation(begun.operation.id)
    assert stored == begun.operation
    assert (stored.container_id, stored.error_code, stored.error_message) == (
        record.current_container_id,
        ErrorCode.REPLAY_NO_OP,
        None,
    )
    assert await store.records.get(GAME) == record


async def test_begin_with_a_completion_inserts_its_messages(store: Store) -> None:
    """The result of a refused job is in the outbox."""
    admission = Admission(completion=make_completion(), messages=[make_message()])

    await begin_one(store.journal, make_job(), lambda _: admission)

    assert store.outbox() == [("job_results", dict(make_message().fields))]


async def test_begin_whose_rule_raises_writes_nothing(store: Store) -> None:
    """The rule's error is raised unchanged, and neither log nor lease number is written."""

    def refuse(_ledger: Ledger) -> Admission:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest, match=r"^no$"):
        await begin_one(store.journal, make_request(), refuse, lease=LATER, at=NOON)

    assert store.operations(GAME) == []
    await begin(store, lease=EARLIER)


async def test_begin_on_a_game_with_an_open_operation_is_refused_unasked(store: Store) -> None:
    """While an operation is open the rule is not called and nothing is written."""
    operation = await begin(store)
    asked: list[Ledger] = []

    with pytest.raises(OperationStillOpen):
        await begin_one(store.journal, make_request(), recording_rule(asked), lease=LATER, at=NOON)

    assert asked == []
    assert store.operations(GAME) == [operation]
    await finish(store, operation)


async def test_begin_on_another_game_is_not_in_the_way(store: Store) -> None:
    """Open operations and lease numbers concern only their own game."""
    first, second = await begin(store), await begin(store, game_id=OTHER, lease=EARLIER)

    assert list(await store.journal.open_operations()) == [first, second]


async def test_begin_of_an_earlier_holder_is_refused(store: Store) -> None:
    """The rule is not called, nothing is written, and the error has the highest number."""
    await finish(store, await begin(store, lease=LATER), lease=LATER)
    asked: list[Ledger] = []

    with pytest.raises(LeaseLost) as raised:
        await begin_one(store.journal, make_request(), recording_rule(asked))

    assert raised.value.highest == LATER
    assert asked == []
    assert len(store.operations(GAME)) == 1


async def test_begin_twice_under_one_lease_is_fine(store: Store) -> None:
    """One lease may cover several operations."""
    await finish(store, await begin(store))
    await finish(store, await begin(store))

    assert len(store.operations(GAME)) == 2


async def test_lease_number_may_be_a_clock_in_microseconds(store: Store) -> None:
    """Lease numbers are as large as a clock in microseconds."""
    lease = LeaseNumber(1_800_000_000_000_000)
    await finish(store, await begin(store, lease=lease), lease=lease)

    with pytest.raises(LeaseLost) as raised:
        await begin(store)

    assert raised.value.highest == lease


async def test_of_many_begins_at_once_one_wins(store: Store) -> None:
    """A game has at most one open operation, even without a lease."""
    answers = await asyncio.gather(*(begin(store) for _ in range(8)), return_exceptions=True)

    winners = [answer for answer in answers if isinstance(answer, Operation)]
    losers = [answer for answer in answers if isinstance(answer, OperationStillOpen)]
    assert (len(winners), len(losers)) == (1, 7)


async def test_every_fence_is_higher_than_the_one_before(store: Store) -> None:
    """Ids only grow, whether operations are finished, refused or open."""
    first = await begin(store)
    await store.journal.refuse(make_request(), make_completion(), [])
    await finish(store, first)
    await begin(store)

    newest_first = [operation.id for operation in store.operations(GAME)]

    assert newest_first == sorted(set(newest_first), reverse=True)
    assert len(newest_first) == 3


async def test_refuse_ignores_an_open_operation(store: Store) -> None:
    """A request refused because the game is busy is logged as finished, with its messages."""
    operation = await begin(store)

    await store.journal.refuse(make_request(), refused(Conflict("busy"), at=NOON), [make_message()])

    found = store.operations(GAME)[0]
    assert (found.outcome, found.started_at, found.finished_at) == ("failure", NOON, NOON)
    assert (found.error_code, found.error_message) == (ErrorCode.CONFLICT, "busy")
    assert await store.journal.open_operation(GAME) == operation
    assert len(store.outbox()) == 1


async def test_job_is_begun_once(store: Store) -> None:
    """A job entry has one row, however often it is delivered; its rule is not called again."""
    await begin_one(store.journal, make_job(), answered)
    asked: list[Ledger] = []

    again = Asked(make_job(game_id=OTHER), recording_rule(asked))
    begun = await store.journal.begin([again], lease=LEASE, at=NOON)

    assert begun == [None]
    assert asked == []
    assert store.operations(OTHER) == []


async def test_applicants_are_decided_in_order_from_one_record(store: Store) -> None:
    """Each has its row and its message, in order, and all rules see the same record."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await finish(store, first, record=record)
    seen: list[Ledger] = []

    def answer(ledger: Ledger) -> Admission:
        seen.append(ledger)
        message = make_message(fields={"job_id": str(len(seen))})
        return Admission(completion=make_completion(), messages=[message])

    jobs = [make_job(f"{number}-0") for number in range(5)]
    begun = await store.journal.begin([Asked(each, answer) for each in jobs], lease=LEASE, at=NOON)

    rows = [each.operation for each in begun if each]
    assert [each.request for each in rows] == jobs
    assert [each.id for each in rows] == sorted({each.id for each in rows})
    assert store.operations(GAME) == [*reversed(rows), store.operation(first.id)]
    assert seen == [Ledger(record)] * 5
    assert [fields["job_id"] for _, fields in store.outbox()] == ["1", "2", "3", "4", "5"]


async def test_applicant_that_is_admitted_is_the_last(store: Store) -> None:
    """Those after it must wait for its end: they are not called, and have neither row nor place."""
    asked: list[Ledger] = []
    applicants = [
        Asked(make_job("1-0"), answered),
        Asked(make_job("2-0")),
        Asked(make_job("3-0"), recording_rule(asked)),
    ]

    begun = await store.journal.begin(applicants, lease=LEASE, at=NOON)

    assert [each and each.operation.outcome for each in begun] == [Outcome.SUCCESS, None]
    assert begun[1] is not None
    assert await store.journal.open_operation(GAME) == begun[1].operation
    assert len(store.operations(GAME)) == 2
    assert asked == []


async def test_recorded_jobs_among_others_are_left_out(store: Store) -> None:
    """A job that is delivered again keeps its one row and its one message."""
    await begin_one(store.journal, make_job("2-0"), answered)
    jobs = [Asked(make_job(f"{number}-0"), answered) for number in (1, 2, 3)]

    begun = await store.journal.begin(jobs, lease=LEASE, at=NOON)

    recorded = [each.request.origin.source_ref for each in reversed(store.operations(GAME))]
    assert [each is None for each in begun] == [False, True, False]
    assert recorded == ["2-0", "1-0", "3-0"]
    assert len(store.outbox()) == 3


async def test_entry_of_the_other_stream_is_another_applicant(store: Store) -> None:
    """Entries of both streams may have the same id."""
    stop = make_job("1-0", kind=OperationKind.STOP)
    await begin_one(store.journal, make_job("1-0"), answered)

    begun = await store.journal.begin([Asked(stop, answered)], lease=LEASE, at=NOON)

    assert [each and each.operation.kind for each in begun] == [OperationKind.STOP]


async def test_applicant_that_raises_leaves_nothing_of_those_before(store: Store) -> None:
    """The transaction is one: rows and messages of all are written, or none."""

    def refuse(_ledger: Ledger) -> Admission:
        raise InvalidRequest("no")

    applicants = [Asked(make_job("1-0"), answered), Asked(make_job("2-0"), refuse)]
    with pytest.raises(InvalidRequest, match=r"^no$"):
        await store.journal.begin(applicants, lease=LATER, at=NOON)

    assert store.operations(GAME) == []
    assert store.outbox() == []
    await begin(store, lease=EARLIER)


async def test_bounded_message_keeps_its_place_among_the_others(store: Store) -> None:
    """A message with a dedup key is written in its order, once."""
    bounded = {"dedup_key": "same", "dedup_window": 60.0}
    names = {"before": {}, "once": bounded, "again": bounded, "after": {}}
    messages = [make_message(fields={"job_id": name}, **names[name]) for name in names]
    admission = Admission(completion=make_completion(), messages=messages)

    await begin_one(store.journal, make_job(), lambda _: admission)

    assert [fields["job_id"] for _, fields in store.outbox()] == ["before", "once", "after"]


async def test_job_is_refused_once(store: Store) -> None:
    """A job entry has one result, however often it is delivered."""
    await store.journal.refuse(make_job(), make_completion(), [make_message()])

    with pytest.raises(JobAlreadyRecorded):
        await store.journal.refuse(make_job(), make_completion(), [make_message()])

    assert len(store.operations(GAME)) == 1
    assert len(store.outbox()) == 1


async def test_job_is_found_by_its_kind_and_entry(store: Store) -> None:
    """A redelivered job finds its operation; an equal entry id of the other stream does not."""
    begun = await begin_one(store.journal, make_job("1-0"), proceed)
    await begin(store, game_id=OTHER, origin=Origin(OpSource.GM_REST, "2-0"))

    journal = store.journal
    assert await journal.find_by_job(OperationKind.START, "1-0") == begun.operation
    assert await journal.find_by_job(OperationKind.STOP, "1-0") is None
    assert await journal.find_by_job(OperationKind.START, "2-0") is None


async def test_request_id_may_repeat(store: Store) -> None:
    """Only job entries are unique; REST callers may reuse request ids."""
    origin = Origin(OpSource.ADMIN_REST, "again")
    for _ in range(2):
        await store.journal.refuse(make_request(origin=origin), make_completion(), [])

    assert len(store.operations(GAME)) == 2


async def test_game_without_an_open_operation_has_none(store: Store) -> None:
    """A game without operations has no open operation."""
    assert await store.journal.open_operation(GAME) is None


async def test_refusal_of_an_enormous_id_is_logged(store: Store) -> None:
    """A refusal of a ten-kilobyte id, too long for any index, is still logged."""
    game_id = GameId(random.Random(1).randbytes(5_000).hex())  # noqa: S311 - must not compress

    await store.journal.refuse(make_request(game_id=game_id), make_completion(), [])

    assert len(store.operations(game_id)) == 1


async def test_begin_whose_reply_was_lost_has_begun(store: Store) -> None:
    """After a lost reply the holder resumes the operation, and no lost process is counted."""
    store.lose_reply_to_commit()

    with pytest.raises(ServiceUnavailable):
        await begin(store)

    begun = await store.journal.take_over(GAME, lease=LEASE)
    assert begun is not None
    assert begun.operation == await store.journal.open_operation(GAME)
    assert begun.operation.lost == 0


async def test_trap_database_restored_from_backup(store: Store) -> None:
    """Fences that containers already carry are not issued again."""
    await finish(store, await begin(store))

    assert await store.journal.raise_fences(Fence(500))
    assert not await store.journal.raise_fences(Fence(500))
    assert (await begin(store)).id == 501


async def test_fences_that_are_high_enough_are_left_alone(store: Store) -> None:
    """Raising fences never lowers them."""
    await finish(store, await begin(store))
    last = await begin(store)

    raised = [await store.journal.raise_fences(Fence(above)) for above in range(last.id + 1)]

    assert raised == [False] * (last.id + 1)
    assert (await begin(store, game_id=OTHER)).id > last.id


async def test_fences_of_an_empty_store_can_be_raised(store: Store) -> None:
    """Fences can be raised in a database that has issued none."""
    assert not await store.journal.raise_fences(Fence(0))
    assert await store.journal.raise_fences(Fence(1))
    assert (await begin(store)).id == 2


async def test_fences_raised_by_many_at_once_are_as_high_as_the_highest(store: Store) -> None:
    """Replicas may raise fences while others begin: each fence is unique and high enough."""
    raises = (store.journal.raise_fences(Fence(above)) for above in (300, 700, 100, 500))
    begins = (begin(store, game_id=GameId(f"game-{number}")) for number in range(4))

    await asyncio.gather(*raises, *begins)

    last = await begin(store)
    ids = [operation.id for operation in await store.journal.open_operations()]
    assert last.id > 700
    assert len(set(ids)) == 5


async def test_fences_that_are_raised_meanwhile_are_not_lowered(database_dsn: str) -> None:
    """Of two concurrent raises the higher wins, not the later."""
    async with (
        open_store(database_dsn) as store,
        await psycopg.AsyncConnection.connect(database_dsn) as another,
    ):
        await another.execute("LOCK TABLE operation_log IN SHARE ROW EXCLUSIVE MODE")
        raises = []
        for above in (700, 300):
            raises.append(asyncio.create_task(store.journal.raise_fences(Fence(above))))
            await until_waiting(database_dsn, len(raises))
        await another.commit()

        assert await asyncio.gather(*raises) == [True, True]
        assert (await begin(store)).id == 701


async def until_waiting(dsn: str, sessions: int) -> None:
    """Wait until so many sessions of the database wait for a lock."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    async with (
        asyncio.timeout(10),
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        while await (await connection.execute(query)).fetchone() != (sessions,):  # noqa: ASYNC110 - Postgres sends no notice
            await asyncio.sleep(0.01)


CALLS = ["begin", "refuse", "take over", "save", "hand over", "finish", "raise", "open", "all open"]


@pytest.mark.parametrize("call", [*CALLS, "handed over", "job"])
async def test_unreachable_store_raises_service_unavailable(store: Store, call: str) -> None:
    """Every method raises ServiceUnavailable while the store is away."""
    operation = await begin(store)
    journal = store.journal
    store.go_away()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "begin": lambda: begin(store),
        "refuse": lambda: journal.refuse(make_request(), make_completion(), []),
        "take over": lambda: journal.take_over(GAME, lease=LEASE),
        "save": lambda: journal.save(operation, lease=LEASE),
        "hand over": lambda: journal.hand_over(operation, lease=LEASE),
        "finish": lambda: finish(store, operation),
        "raise": lambda: journal.raise_fences(Fence(7)),
        "open": lambda: journal.open_operation(GAME),
        "all open": journal.open_operations,
        "handed over": journal.handed_over,
        "job": lambda: journal.find_by_job(OperationKind.START, "1-0"),
    }

    with pytest.raises(ServiceUnavailable) as raised:
        await calls[call]()

    assert type(raised.value) is ServiceUnavailable


async def test_begun_is_what_take_over_returns(store: Store) -> None:
    """A takeover returns the same operation that begin returned."""
    request = make_request(container_id=ContainerId("c9"))
    begun = await begin_one(store.journal, request, proceed)

    assert await store.journal.take_over(GAME, lease=LEASE) == Begun(begun.operation, None)


async def recorded(store: Store) -> RuntimeRecord:
    """Return the game's new record."""
    operation = await begin(store)
    record = make_record(fence=operation.id)
    await finish(store, operation, record=record)
    return record


def concluded(*entries: str, message: bool = True) -> list[Decided]:
    """Return jobs that are done already, each with its message."""
    done = [
        Admission(
            completion=make_completion(),
            messages=[make_message(fields={"job_id": entry})] if message else [],
        )
        for entry in entries
    ]
    return list(zip(map(make_job, entries), done, strict=True))


@pytest.mark.parametrize("message", [True, False])
@pytest.mark.parametrize("has_record", [True, False])
async def test_what_changes_nothing_needs_no_lease(
    store: Store, *, message: bool, has_record: bool
) -> None:
    """Rows and messages are written in order, and no lease is seen by that."""
    record = await recorded(store) if has_record else None

    found = await store.journal.conclude(concluded("1-0", "2-0", message=message), record, at=NOON)

    assert [each.record for each in found] == [record, record]
    assert [each.operation for each in reversed(found)] == store.operations(GAME)[:2]
    assert [each.operation.outcome for each in found] == [Outcome.SUCCESS] * 2
    assert [fields["job_id"] for _, fields in store.outbox()] == ["1-0", "2-0"] * message
    await begin(store, lease=LEASE)


@pytest.mark.parametrize("message", [True, False])
async def test_nothing_is_concluded_beside_an_open_operation(
    store: Store, *, message: bool
) -> None:
    """Its end may change what the request was decided from."""
    record = await recorded(store)
    operation = await begin(store)

    found = await store.journal.conclude(concluded("1-0", message=message), record, at=NOON)

    assert found == []
    assert store.operations(GAME)[0] == operation
    assert store.outbox() == []


async def test_nothing_is_concluded_from_an_old_record(store: Store) -> None:
    """Neither from one that was replaced, nor from its absence."""
    record = await recorded(store)
    await recorded(store)
    before = len(store.operations(GAME))

    found = [
        await store.journal.conclude(concluded("1-0"), known, at=NOON) for known in (record, None)
    ]

    assert found == [[], []]
    assert len(store.operations(GAME)) == before
    assert store.outbox() == []


async def test_open_operation_of_another_game_is_no_obstacle(store: Store) -> None:
    """Only the game itself counts."""
    await begin(store, game_id=OTHER)

    assert len(await store.journal.conclude(concluded("1-0"), None, at=NOON)) == 1


async def test_recorded_job_is_not_concluded_again(store: Store) -> None:
    """Nothing is written of those before it either."""
    await begin_one(store.journal, make_job("2-0"), answered)
    before = len(store.outbox())

    with pytest.raises(JobAlreadyRecorded):
        await store.journal.conclude(concluded("1-0", "2-0"), None, at=NOON)

    assert len(store.operations(GAME)) == 1
    assert len(store.outbox()) == before
