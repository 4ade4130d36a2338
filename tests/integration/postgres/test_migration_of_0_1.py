"""This version reads what version 0.1 wrote, and both work side by side during a roll-out."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres import migrate as migrate_module
from rtmanager.adapters.postgres.migrate import MIGRATIONS, migrate
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Fence,
    OperationKind,
    Phase,
    Predecessor,
    StepResult,
)
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, LEASE, NOON, make_record, make_request, make_step
from tests.contract.ports.journals import begin, finish, recording_rule
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import begin_one

CLASHING = ("Chess", "chess", "chess.")
FORMER_STEPS = [
    ("check_network", None, None, ActionName.WATCH_GATE, Phase.FORWARD, "check_network"),
    ("pull_image", None, "cached", ActionName.OBTAIN_IMAGE, Phase.FORWARD, "pull_image: cached"),
    ("health_gate", "it exited", None, ActionName.WATCH_GATE, Phase.FORWARD, "health_gate"),
    ("unpark_predecessor", None, None, ActionName.UNPARK, Phase.BACK, "unpark_predecessor"),
]
OLD = ContainerId("c" * 64)
RAN = Predecessor(container_id=OLD, ran=True, healthy=True)
RESTED = Predecessor(container_id=OLD, ran=False, healthy=False)
STOPPED = {"status": RuntimeStatus.STOPPED}
REMOVED = {"status": RuntimeStatus.REMOVED, "current_container_id": None}
PREDECESSORS = {
    "patch": (OperationKind.PATCH, {}, RAN),
    "restart": (OperationKind.RESTART, {}, RAN),
    "patch when stopped": (OperationKind.PATCH, STOPPED, RESTED),
    "restart when stopped": (OperationKind.RESTART, STOPPED, RESTED),
    "start when stopped": (OperationKind.START, STOPPED, RESTED),
    "start over an exited engine": (OperationKind.START, {}, RESTED),
    "start when removed": (OperationKind.START, REMOVED, None),
    "stop": (OperationKind.STOP, {}, None),
}
_BEGIN: LiteralString = """
    INSERT INTO operation_log (game_id, kind, source, source_ref, image_ref, started_at)
    VALUES (%s, %s, 'gm_rest', 'r1', 'galaxy/game:1.4.8', %s) RETURNING id
"""
_FINISH: LiteralString = """
    UPDATE operation_log SET outcome = 'failure', error_code = 'container_start_failed',
        error_message = 'it exited', container_id = 'c1', steps = %s,
        details = '{"downtime_ms": 1.5}', finished_at = started_at
    WHERE id = %s
"""
_RECORD: LiteralString = """
    INSERT INTO runtime_records (
        game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
        state_path, docker_network, started_at, last_op_at, created_at, last_fence
    )
    VALUES (
        %(game_id)s, %(status)s, %(current_container_id)s, %(current_image_ref)s, %(image_id)s,
        %(engine_endpoint)s, %(state_path)s, %(docker_network)s, %(started_at)s, %(last_op_at)s,
        %(created_at)s, %(fence)s
    )
"""
_RENAME_STEP: LiteralString = """
    UPDATE operation_log SET steps = jsonb_set(steps, '{0,name}', '"dance"')
"""
_DNS_NAMES: LiteralString = "SELECT game_id, dns_name FROM runtime_records ORDER BY game_id"


@pytest.fixture
async def old_dsn(empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return a database with the schema of version 0.1."""
    for path in MIGRATIONS.glob("000[123]_*.sql"):
        shutil.copy(path, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "MIGRATIONS", tmp_path)
        await migrate(empty_dsn)
    return empty_dsn


def write_record(dsn: str, game_id: str, **changes: Any) -> None:
    """Write a record as version 0.1 does."""
    record = make_record(game_id=GameId(game_id), **changes)
    facts = {name: getattr(record, name) for name in record.__dataclass_fields__}
    with psycopg.connect(dsn) as connection:
        connection.execute(_RECORD, facts | {"status": record.status.value})


def begin_operation(
    dsn: str, game_id: str = GAME, kind: OperationKind = OperationKind.PATCH
) -> Fence:
    """Begin an operation as version 0.1 does, and leave it open."""
    with psycopg.connect(dsn) as connection:
        (id_,) = connection.execute(_BEGIN, [game_id, kind.value, NOON]).fetchone() or (0,)
    return Fence(id_)


def finish_operation(dsn: str, operation_id: Fence) -> None:
    """Finish an operation as version 0.1 does."""
    at, ms = NOON.isoformat(), 12.5
    steps = [
        {"name": name, "started_at": at, "duration_ms": ms, "error": error, "note": note}
        for name, error, note, *_ in FORMER_STEPS
    ]
    with psycopg.connect(dsn) as connection:
        connection.execute(_FINISH, [Jsonb(steps), operation_id])


async def ledger_of(store: Store, game_id: GameId) -> Ledger:
    """Return the ledger that a request for this game is shown."""
    seen: list[Ledger] = []
    request = make_request(game_id=game_id)
    begun = await begin_one(store.journal, request, recording_rule(seen))
    await finish(store, begun.operation, record=begun.record)
    return seen[0]


async def test_finished_operation_of_0_1_is_read(old_dsn: str) -> None:
    """Steps are read under their present names, with their former ones in the notes."""
    id_ = begin_operation(old_dsn)
    finish_operation(old_dsn, id_)
    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        operation = store.operation(id_)

    assert operation is not None
    assert (operation.error_message, operation.details) == ("it exited", {"downtime_ms": 1.5})
    assert (operation.phase, operation.lost, operation.cause) == (Phase.FORWARD, 0, None)
    assert operation.steps == tuple(
        make_step(
            action=Action(action),
            phase=phase,
            result=StepResult.REFUSED if error else StepResult.DONE,
            error=error,
            note=note,
        )
        for _, error, _, action, phase, note in FORMER_STEPS
    )


async def test_open_operation_of_0_1_is_taken_over(old_dsn: str) -> None:
    """Its process counts as lost, and the next holder resumes and ends the operation."""
    id_ = begin_operation(old_dsn)
    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        begun = await store.journal.take_over(GAME, lease=LEASE)
        assert begun is not None
        assert (begun.operation.id, begun.operation.lost, begun.operation.steps) == (id_, 1, ())
        await finish(store, begun.operation)
        assert await store.journal.open_operation(GAME) is None


@pytest.mark.parametrize(("kind", "changes", "expected"), PREDECESSORS.values(), ids=PREDECESSORS)
async def test_trap_open_operation_of_0_1_has_its_predecessor(
    old_dsn: str, kind: OperationKind, changes: dict[str, Any], expected: Predecessor | None
) -> None:
    """Its rollback restarts the old engine, and its new engine has to pass the health gate."""
    write_record(old_dsn, GAME, **changes)
    begin_operation(old_dsn, kind=kind)

    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        operation = await store.journal.open_operation(GAME)
    assert operation is not None
    assert operation.predecessor == expected


async def test_first_start_of_0_1_has_no_predecessor(old_dsn: str) -> None:
    """A game without a record has no predecessor, whatever containers other games have."""
    write_record(old_dsn, "another")
    begin_operation(old_dsn, kind=OperationKind.START)

    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        operation = await store.journal.open_operation(GAME)
    assert operation is not None
    assert operation.predecessor is None


async def test_finished_operation_of_0_1_keeps_its_row(old_dsn: str) -> None:
    """A finished operation gets no predecessor: nobody resumes it, and the record is newer."""
    write_record(old_dsn, GAME)
    id_ = begin_operation(old_dsn)
    finish_operation(old_dsn, id_)

    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        operation = store.operation(id_)
    assert operation is not None
    assert operation.predecessor is None


async def test_operation_of_0_1_still_at_work_is_not_disturbed(old_dsn: str) -> None:
    """During a roll-out version 0.1 finishes its operation and begins the next one."""
    id_ = begin_operation(old_dsn)
    await migrate(old_dsn)
    finish_operation(old_dsn, id_)
    next_id = begin_operation(old_dsn)

    async with open_store(old_dsn) as store:
        opened = await store.journal.open_operation(GAME)

    assert opened is not None
    assert opened.id == next_id


async def test_steps_of_this_version_hold_what_0_1_reads(database_dsn: str) -> None:
    """Every step still has the keys that version 0.1 reads."""
    async with open_store(database_dsn) as store:
        operation = (await begin(store)).acting(Action(ActionName.PARK), at=NOON)
        await store.journal.save(operation, lease=LEASE)

    with psycopg.connect(database_dsn) as connection:
        ((steps,),) = connection.execute("SELECT steps FROM operation_log").fetchall()
    assert {"name", "started_at", "duration_ms", "error", "note"} <= set(steps[0])


async def test_step_of_a_later_version_is_read(database_dsn: str) -> None:
    """After a downgrade to this version the log is still readable."""
    step = make_step(action=Action(ActionName.WATCH_GATE, ContainerId("c1")), note="dance: twice")
    async with open_store(database_dsn) as store:
        operation = await begin(store)
        known = replace(operation, steps=(replace(step, note="twice"),))
        await store.journal.save(known, lease=LEASE)
        with psycopg.connect(database_dsn) as connection:
            connection.execute(_RENAME_STEP)

        stored = store.operation(operation.id)

    assert stored is not None
    assert stored.steps == (step,)


async def test_records_of_0_1_get_their_names(old_dsn: str) -> None:
    """Records get their DNS names except those that clash, and the migration does not fail."""
    for game_id in (*CLASHING, "Go-3."):
        write_record(old_dsn, game_id)

    await migrate(old_dsn)

    with psycopg.connect(old_dsn) as connection:
        names = dict(list[tuple[str, str | None]](connection.execute(_DNS_NAMES).fetchall()))
    assert names == {"Chess": None, "chess": None, "chess.": None, "Go-3.": "go-3"}


async def test_games_of_0_1_that_share_a_name_keep_working(old_dsn: str) -> None:
    """Each sees the other as a namesake, and their records are read and written as before."""
    for game_id in CLASHING:
        write_record(old_dsn, game_id)
    await migrate(old_dsn)

    async with open_store(old_dsn) as store:
        operation = await begin(store, game_id=GameId("chess"))
        record = make_record(game_id=GameId("chess"), fence=Fence(1_000))
        await finish(store, operation, record=record)

        assert await store.records.get(GameId("chess")) == record
        ledger = await ledger_of(store, GameId("CHESS"))
        assert (ledger.record, ledger.namesake in CLASHING) == (None, True)


async def test_record_that_0_1_writes_after_the_migration_is_a_namesake(old_dsn: str) -> None:
    """Version 0.1 writes no name; this version's next operation on the game adds it."""
    await migrate(old_dsn)
    write_record(old_dsn, "Chess")

    async with open_store(old_dsn) as store:
        assert (await ledger_of(store, GameId("chess"))).namesake == "Chess"
        operation = await begin(store, game_id=GameId("Chess"))
        record = make_record(game_id=GameId("Chess"), fence=Fence(1_000))
        await finish(store, operation, record=record)

    with psycopg.connect(old_dsn) as connection:
        assert connection.execute(_DNS_NAMES).fetchall() == [("Chess", "chess")]


async def test_name_is_unique_in_the_database(database_dsn: str) -> None:
    """The database never holds two games of one name, whatever else fails."""
    async with open_store(database_dsn) as store:
        for game_id in (GameId("Chess"), GameId("go-3")):
            operation = await begin(store, game_id=game_id)
            await finish(store, operation, record=make_record(game_id=game_id, fence=operation.id))

    with psycopg.connect(database_dsn) as connection, pytest.raises(UniqueViolation):
        connection.execute("UPDATE runtime_records SET dns_name = 'chess'")
