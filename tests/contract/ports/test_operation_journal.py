import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, InvalidRequest, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEventType
from rtmanager.domain.operation import Fence, Operation, OpSource, Origin, Outcome, StopReason
from rtmanager.domain.ports.operation_journal import (
    PROCEED,
    Decision,
    JobAlreadyRecorded,
    OperationStillOpen,
    OperationSuperseded,
    Verdict,
)
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import (
    GAME,
    NOON,
    make_event,
    make_job,
    make_message,
    make_record,
    make_request,
    make_result,
    make_step,
    make_verdict,
)
from tests.contract.ports.stores import Store, open_store

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


def proceed(_record: RuntimeRecord | None) -> Verdict:
    """Let every request through."""
    return PROCEED


def witness(seen: list[RuntimeRecord | None]) -> Decision:
    """Let every request through and note what was shown."""

    def decide(record: RuntimeRecord | None) -> Verdict:
        seen.append(record)
        return PROCEED

    return decide


async def begin(store: Store, game_id: GameId = GAME) -> Operation:
    """Open an operation."""
    begun = await store.journal.begin(make_request(game_id=game_id), proceed, at=NOON)
    return begun.operation


async def test_begin_inserts_an_open_operation(store: Store) -> None:
    """What was asked is in the log before anything is done."""
    request = make_request(reason=StopReason.FINISHED)

    begun = await store.journal.begin(request, proceed, at=NOON)

    assert begun.operation == Operation(id=begun.operation.id, request=request, started_at=NOON)
    assert await store.journal.get(begun.operation.id) == begun.operation


async def test_begin_lets_the_decision_see_the_record(store: Store) -> None:
    """The rule is applied to what is stored at that moment, and the caller gets the same."""
    operation = await begin(store)
    record = make_record(fence=operation.id)
    await store.journal.finish(make_result(operation, record=record))
    seen: list[RuntimeRecord | None] = []

    begun = await store.journal.begin(make_request(), witness(seen), at=NOON)

    assert seen == [record]
    assert begun.record == record


async def test_begin_with_an_outcome_inserts_a_finished_operation(store: Store) -> None:
    """A replay or refusal is finished at once and blocks nobody."""
    verdict = make_verdict(
        outcome=Outcome.FAILURE, error_code=ErrorCode.CONFLICT, error_message="it runs"
    )

    begun = await store.journal.begin(make_request(), lambda _: verdict, at=NOON)

    stored = await store.journal.get(begun.operation.id)
    assert stored == begun.operation
    assert (stored.outcome, stored.error_code, stored.error_message, stored.finished_at) == (
        Outcome.FAILURE,
        ErrorCode.CONFLICT,
        "it runs",
        NOON,
    )
    assert await store.journal.open_operation(GAME) is None


async def test_begin_with_an_outcome_inserts_its_messages(store: Store) -> None:
    """A refused job has its result in the outbox."""
    verdict = make_verdict(messages=[make_message()])

    await store.journal.begin(make_job(), lambda _: verdict, at=NOON)

    assert store.outbox() == [("job_results", dict(make_message().fields))]


async def test_begin_whose_decision_raises_writes_nothing(store: Store) -> None:
    """The rule's own error comes out as it is, and the log knows nothing of the request."""

    def refuse(_record: RuntimeRecord | None) -> Verdict:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest, match=r"^no$"):
        await store.journal.begin(make_request(), refuse, at=NOON)

    assert list(await store.journal.history(GAME, limit=10)) == []


async def test_begin_on_a_game_with_an_open_operation_is_refused_unasked(store: Store) -> None:
    """The rule is not asked while the record is unsettled, and nothing is written."""
    operation = await begin(store)
    asked: list[RuntimeRecord | None] = []

    with pytest.raises(OperationStillOpen):
        await store.journal.begin(make_request(), witness(asked), at=NOON)

    assert asked == []
    assert list(await store.journal.history(GAME, limit=10)) == [operation]


async def test_begin_on_another_game_is_not_in_the_way(store: Store) -> None:
    """Open operations block their own game only."""
    first, second = await begin(store), await begin(store, OTHER)

    assert list(await store.journal.open_operations()) == [first, second]


async def test_of_many_begins_at_once_one_wins(store: Store) -> None:
    """One game has at most one open operation, lease or no lease."""
    answers = await asyncio.gather(*(begin(store) for _ in range(8)), return_exceptions=True)

    winners = [answer for answer in answers if isinstance(answer, Operation)]
    losers = [answer for answer in answers if isinstance(answer, OperationStillOpen)]
    assert (len(winners), len(losers)) == (1, 7)


async def test_every_fence_is_higher_than_the_one_before(store: Store) -> None:
    """Finished, refused or open: ids only grow."""
    first = await begin(store)
    await store.journal.refuse(make_request(), make_verdict(), at=NOON)
    await store.journal.finish(make_result(first))
    await begin(store)

    newest_first = [operation.id for operation in await store.journal.history(GAME, limit=10)]

    assert newest_first == sorted(set(newest_first), reverse=True)
    assert len(newest_first) == 3


async def test_refuse_does_not_mind_an_open_operation(store: Store) -> None:
    """A request that found the game busy is logged, finished, with its messages."""
    operation = await begin(store)
    verdict = make_verdict(outcome=Outcome.FAILURE, messages=[make_message()])

    await store.journal.refuse(make_request(), verdict, at=NOON)

    refused = (await store.journal.history(GAME, limit=1))[0]
    assert (refused.outcome, refused.started_at, refused.finished_at) == ("failure", NOON, NOON)
    assert await store.journal.open_operation(GAME) == operation
    assert len(store.outbox()) == 1


async def test_refuse_without_an_outcome_is_an_error_of_ours(store: Store) -> None:
    """A refusal is never open."""
    with pytest.raises(ValueError, match="outcome"):
        await store.journal.refuse(make_request(), PROCEED, at=NOON)


async def test_finish_completes_the_operation(store: Store) -> None:
    """Outcome, error, container, steps and details are kept."""
    operation = await begin(store)
    steps = (make_step(), make_step(name="start", error="exec format error", note="looked again"))
    result = make_result(
        operation,
        outcome=Outcome.FAILURE,
        container_id=ContainerId("c1"),
        error_code=ErrorCode.CONTAINER_START_FAILED,
        error_message="exit code 1",
        steps=steps,
        details={"exit_code": 1, "log_tail": ["one", "two"], "oom": False, "downtime_ms": 1.5},
    )

    await store.journal.finish(result)

    assert await store.journal.get(operation.id) == Operation(
        id=operation.id,
        request=operation.request,
        started_at=NOON,
        container_id=result.container_id,
        outcome=result.outcome,
        error_code=result.error_code,
        error_message=result.error_message,
        steps=steps,
        details=result.details,
        finished_at=NOON,
    )


async def test_finish_writes_the_record(store: Store) -> None:
    """The record is what the operation made of it."""
    operation = await begin(store)
    record = make_record(fence=operation.id)

    await store.journal.finish(make_result(operation, record=record))

    assert await store.records.get(GAME) == record


async def test_finish_without_a_record_leaves_it(store: Store) -> None:
    """A failure that was undone changes no record."""
    first = await begin(store)
    record = make_record(fence=first.id)
    await store.journal.finish(make_result(first, record=record))

    await store.journal.finish(make_result(await begin(store), outcome=Outcome.FAILURE))

    assert await store.records.get(GAME) == record


async def test_finish_keeps_the_latest_event_as_snapshot(store: Store) -> None:
    """By the time it happened, not by its place; of two at one moment the one told last."""
    late = make_event(event_type=HealthEventType.PROBE_FAILED, details={"error": "refused"})
    early = make_event(occurred_at=NOON.replace(hour=1))
    same = make_event(occurred_at=NOON, details={"image_ref": "earlier in the list"})

    await store.journal.finish(make_result(await begin(store), events=[same, late, early]))

    assert store.health(GAME) == ("probe_failed", {"error": "refused"})


async def test_finish_replaces_the_snapshot(store: Store) -> None:
    """One game has one latest snapshot."""
    await store.journal.finish(make_result(await begin(store), events=[make_event()]))
    recovered = make_event(event_type=HealthEventType.PROBE_RECOVERED, details={})

    await store.journal.finish(make_result(await begin(store), events=[recovered]))

    assert store.health(GAME) == ("probe_recovered", {})


async def test_finish_writes_the_messages_in_their_order(store: Store) -> None:
    """Others see them in the order in which they were told."""
    messages = [make_message(fields={"n": str(number)}) for number in range(5)]

    await store.journal.finish(make_result(await begin(store), messages=messages))

    assert [fields["n"] for _, fields in store.outbox()] == ["0", "1", "2", "3", "4"]


async def test_finish_frees_the_game(store: Store) -> None:
    """The next operation may begin."""
    first = await begin(store)
    await store.journal.finish(make_result(first))

    second = await begin(store)

    assert await store.journal.open_operation(GAME) == second


async def test_finish_repeated_is_superseded_and_changes_nothing(store: Store) -> None:
    """The first outcome stands."""
    operation = await begin(store)
    await store.journal.finish(make_result(operation))
    finished = await store.journal.get(operation.id)
    again = make_result(
        operation, record=make_record(fence=operation.id), messages=[make_message()]
    )

    with pytest.raises(OperationSuperseded):
        await store.journal.finish(again)

    assert await store.journal.get(operation.id) == finished
    assert await store.records.get(GAME) is None
    assert store.outbox() == []


async def test_finish_behind_a_higher_fence_is_superseded(store: Store) -> None:
    """A record is only ever replaced by one with a higher fence."""
    record = make_record(fence=Fence(1_000))
    await store.journal.finish(make_result(await begin(store), record=record))
    late = await begin(store)

    with pytest.raises(OperationSuperseded):
        await store.journal.finish(make_result(late, record=make_record(fence=late.id)))

    assert await store.records.get(GAME) == record
    assert await store.journal.open_operation(GAME) == late


@pytest.mark.parametrize("change", [{"operation_id": Fence(999_999)}, {"game_id": OTHER}])
async def test_finish_of_another_operation_is_superseded(
    store: Store, change: dict[str, object]
) -> None:
    """The operation must exist and be this game's."""
    operation = await begin(store)

    with pytest.raises(OperationSuperseded):
        await store.journal.finish(make_result(operation, **change))

    assert await store.journal.open_operation(GAME) == operation


async def test_job_is_begun_once(store: Store) -> None:
    """One job entry has one row, however often it is delivered."""
    await store.journal.begin(make_job(), lambda _: make_verdict(), at=NOON)

    with pytest.raises(JobAlreadyRecorded):
        await store.journal.begin(make_job(game_id=OTHER), proceed, at=NOON)

    assert list(await store.journal.history(OTHER, limit=10)) == []


async def test_job_is_refused_once(store: Store) -> None:
    """One job entry has one result, however often it is delivered."""
    verdict = make_verdict(messages=[make_message()])
    await store.journal.refuse(make_job(), verdict, at=NOON)

    with pytest.raises(JobAlreadyRecorded):
        await store.journal.refuse(make_job(), verdict, at=NOON)

    assert len(await store.journal.history(GAME, limit=10)) == 1
    assert len(store.outbox()) == 1


async def test_request_id_may_repeat(store: Store) -> None:
    """Only job entries are unique; a caller of REST names its requests as it likes."""
    origin = Origin(OpSource.ADMIN_REST, "again")
    for _ in range(2):
        await store.journal.refuse(make_request(origin=origin), make_verdict(), at=NOON)

    assert len(await store.journal.history(GAME, limit=10)) == 2


async def test_unknown_operation_is_none(store: Store) -> None:
    """An id that was never given is not found."""
    assert await store.journal.get(Fence(999_999)) is None
    assert await store.journal.open_operation(GAME) is None


async def test_history_is_the_game_s_own_newest_first_and_limited(store: Store) -> None:
    """The last operations of one game, and no more than asked for."""
    for number in range(4):
        origin = Origin(OpSource.GM_REST, str(number))
        await store.journal.refuse(make_request(origin=origin), make_verdict(), at=NOON)
    await begin(store, OTHER)

    history = await store.journal.history(GAME, limit=3)

    assert [operation.request.origin.source_ref for operation in history] == ["3", "2", "1"]


@pytest.mark.parametrize("text", ["a\0b", "cut \ud83d here", "\udcff", "\\u0000"])
async def test_strange_text_never_fails_an_operation(store: Store, text: str) -> None:
    """Log lines and error messages come from outside; what they hold is kept readable."""
    request = make_request(origin=Origin(OpSource.ADMIN_REST, text), image_ref=text)
    begun = await store.journal.begin(request, proceed, at=NOON)
    result = make_result(
        begun.operation,
        error_message=f"before {text} after",
        steps=(make_step(error=text, note=text),),
        details={text: [text, {text: text}]},
        messages=[make_message(fields={"error_message": text})],
        events=[make_event(details={"error": text})],
    )

    await store.journal.finish(result)

    stored = await store.journal.get(begun.operation.id)
    assert stored is not None
    assert stored.error_message is not None
    assert stored.error_message.startswith("before ")
    assert stored.error_message.endswith(" after")


async def test_refusal_of_an_enormous_id_is_logged(store: Store) -> None:
    """Ten kilobytes of id fit no index and are no reason to fail."""
    game_id = GameId(random.Random(1).randbytes(5_000).hex())  # noqa: S311 - not to be compressed

    await store.journal.refuse(make_request(game_id=game_id), make_verdict(), at=NOON)

    assert len(await store.journal.history(game_id, limit=10)) == 1


async def test_begin_whose_reply_was_lost_has_begun(store: Store) -> None:
    """The caller hears ServiceUnavailable and finds the operation open."""
    store.lose_reply_to_commit()

    with pytest.raises(ServiceUnavailable):
        await begin(store)

    assert await store.journal.open_operation(GAME) is not None


async def test_finish_whose_reply_was_lost_can_be_repeated(store: Store) -> None:
    """The repetition says that it is settled, and nothing is written twice."""
    operation = await begin(store)
    result = make_result(operation, messages=[make_message()])
    store.lose_reply_to_commit()
    with pytest.raises(ServiceUnavailable):
        await store.journal.finish(result)

    with pytest.raises(OperationSuperseded):
        await store.journal.finish(result)

    assert len(store.outbox()) == 1


async def test_finish_that_dies_before_its_end_writes_nothing(store: Store) -> None:
    """All of the outcome or none of it."""
    operation = await begin(store)
    result = make_result(
        operation,
        record=make_record(fence=operation.id),
        events=[make_event()],
        messages=[make_message()],
    )
    store.die_before_commit()

    with pytest.raises(ServiceUnavailable):
        await store.journal.finish(result)

    assert await store.journal.open_operation(GAME) == operation
    assert await store.records.get(GAME) is None
    assert (store.health(GAME), store.outbox()) == (None, [])


@pytest.mark.parametrize(
    "call", ["begin", "refuse", "finish", "open", "all open", "get", "history"]
)
async def test_unreachable_store_raises_service_unavailable(store: Store, call: str) -> None:
    """Every method says the same when the store is away."""
    operation = await begin(store)
    journal = store.journal
    store.go_away()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "begin": lambda: journal.begin(make_request(), proceed, at=NOON),
        "refuse": lambda: journal.refuse(make_request(), make_verdict(), at=NOON),
        "finish": lambda: journal.finish(make_result(operation)),
        "open": lambda: journal.open_operation(GAME),
        "all open": journal.open_operations,
        "get": lambda: journal.get(operation.id),
        "history": lambda: journal.history(GAME, limit=1),
    }

    with pytest.raises(ServiceUnavailable) as raised:
        await calls[call]()

    assert type(raised.value) is ServiceUnavailable
