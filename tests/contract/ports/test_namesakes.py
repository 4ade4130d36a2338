import asyncio
from collections.abc import AsyncIterator

import pytest

from rtmanager.domain.completion import refused
from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Outcome
from rtmanager.domain.ports.operation_journal import Admission, Begun, Ledger
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import NOON, make_record, make_request
from tests.contract.ports.journals import begin, finish, recording_rule
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import begin_one

UPPER, LOWER, DOTTED = GameId("Chess"), GameId("chess"), GameId("chess..")


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


def refuse_namesakes(ledger: Ledger) -> Admission:
    """Return a rule that refuses a game whose name another game has."""
    if ledger.namesake is None:
        return Admission()
    return Admission(completion=refused(InvalidRequest(ledger.namesake), at=NOON))


async def record(store: Store, game_id: GameId) -> RuntimeRecord:
    """Start a game, whatever its name."""
    operation = await begin(store, game_id=game_id)
    saved = make_record(game_id=game_id, fence=operation.id)
    await finish(store, operation, record=saved)
    return saved


async def ledger_of(store: Store, game_id: GameId) -> Ledger:
    """Return the ledger that a request for this game is shown."""
    seen: list[Ledger] = []
    request = make_request(game_id=game_id)
    begun = await begin_one(store.journal, request, recording_rule(seen))
    await finish(store, begun.operation, record=begun.record)
    return seen[0]


@pytest.mark.parametrize(
    ("other", "game_id"), [(UPPER, LOWER), (LOWER, UPPER), (DOTTED, UPPER), (LOWER, DOTTED)]
)
async def test_trap_ids_differ_by_case(store: Store, other: GameId, game_id: GameId) -> None:
    """The rule sees a game whose name differs only in case or a trailing dot."""
    await record(store, other)

    assert await ledger_of(store, game_id) == Ledger(None, namesake=other)


async def test_game_is_no_namesake_of_itself(store: Store) -> None:
    """A game with a record is not a namesake of itself."""
    saved = await record(store, LOWER)

    assert await ledger_of(store, LOWER) == Ledger(saved)


@pytest.mark.parametrize("game_id", ["chess-1", ".chess", "che.ss", "ches", "ch_ss", "ch%"])
async def test_another_name_is_no_namesake(store: Store, game_id: str) -> None:
    """Only case and trailing dots are ignored."""
    await record(store, LOWER)

    assert await ledger_of(store, GameId(game_id)) == Ledger(None)


async def test_game_that_is_being_started_is_a_namesake(store: Store) -> None:
    """A game whose first start is open counts, although it has no record."""
    await begin(store, game_id=LOWER)

    assert await ledger_of(store, UPPER) == Ledger(None, namesake=LOWER)


async def test_game_whose_start_failed_is_no_namesake(store: Store) -> None:
    """A game whose first start failed does not occupy its name."""
    await finish(store, await begin(store, game_id=LOWER), outcome=Outcome.FAILURE)

    assert await ledger_of(store, UPPER) == Ledger(None)


async def test_trap_ids_differ_by_case_of_first_starts_at_once_one_is_open(store: Store) -> None:
    """Of two concurrent first starts one sees the other, although neither has a record."""
    spellings = [GameId(text) for text in ("chess", "Chess", "CHESS", "chess.", "Chess.")]

    begun: list[Begun] = await asyncio.gather(
        *(
            begin_one(store.journal, make_request(game_id=game_id), refuse_namesakes)
            for game_id in spellings
        )
    )

    outcomes = [each.operation.outcome for each in begun]
    assert outcomes.count(None) == 1
    (still_open,) = await store.journal.open_operations()
    refusals = {each.operation.error_message for each in begun if each.operation.outcome}
    assert refusals == {still_open.game_id}


async def test_records_of_namesakes_are_still_written(store: Store) -> None:
    """A record is written even if two games already share a name."""
    first, second = await record(store, LOWER), await record(store, UPPER)
    again = await record(store, LOWER)

    assert await store.records.get(UPPER) == second
    assert await store.records.get(LOWER) == again != first
