"""The list of all records, against its SQL alone, and the memory that it takes."""

import json
import time
from collections.abc import Sequence
from http.client import HTTPConnection

import psycopg

from bench.environment import bench_environment, console
from bench.figures import Row, ratio, spread
from bench.fleet import insert_removed
from bench.peers.records import LIST
from bench.server_process import ServerProcess
from bench.sizes import Sizes

PATH = "/api/v1/internal/runtimes"
GOAL = 3.0
MEMORY_GOAL = 10
"""MiB that the service may grow while it answers with 10,000 records: they are not kept at once."""


def measure(sizes: Sizes) -> Sequence[Row]:
    """Measure lists of 1,000 and of 10,000, and the memory that the larger ones take."""
    return [*_of(1_000, sizes)[:1], *_of(10_000, sizes)]


def _of(games: int, sizes: Sizes) -> Sequence[Row]:
    with bench_environment() as environment:
        service = environment.service
        service.start()
        insert_removed(environment.dsn, games)
        before = service.resident_mib()
        with psycopg.connect(environment.dsn, autocommit=True) as database:
            _check(service, database)
            ours, theirs = _in_turns(service, database, games, rounds=4 * sizes.rounds)
        grown = service.peak_mib() - before
    console.print(f"list of {games:,}: {ratio(ours, theirs):.2f}; {grown:.1f} MiB more")
    return [_row(games, ours, theirs), _memory_row(games, before, grown)]


def _check(service: ServerProcess, database: psycopg.Connection[tuple[object, ...]]) -> None:
    """Raise RuntimeError unless the list has every game once, in order."""
    shown = [each["game_id"] for each in json.loads(listed(service))["items"]]
    if shown != [game for game, *_ in database.execute(LIST)]:
        raise RuntimeError("the list differs from the table")


def _in_turns(
    service: ServerProcess,
    database: psycopg.Connection[tuple[object, ...]],
    games: int,
    rounds: int,
) -> tuple[list[float], list[float]]:
    """Return the seconds of the list and of the statement, in turns."""
    ours, theirs = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        body = listed(service)
        ours.append(time.perf_counter() - began)
        if body.count(b'"game_id"') != games:
            raise RuntimeError(f"{body.count(b'game_id')} games are listed, not {games}")
        began = time.perf_counter()
        rows = database.execute(LIST).fetchall()
        theirs.append(time.perf_counter() - began)
        if len(rows) != games:
            raise RuntimeError(f"{len(rows)} rows, not {games}")
    return ours, theirs


def listed(service: ServerProcess) -> bytes:
    """Return the body of the list; http.client costs less than what is measured."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", PATH)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:  # noqa: PLR2004 - as HTTP has it
        raise RuntimeError(f"the list was answered with {answer.status}: {body[:200]!r}")
    return body


def _row(games: int, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    times = ratio(ours, theirs)
    return Row(
        what=f"list of {games:,}",
        measured=f"{spread(ours).median * 1000:.0f} ms",
        against="its SQL alone",
        baseline=f"{spread(theirs).median * 1000:.0f} ms",
        ratio=f"{times:.2f}",
        goal=f"at most {GOAL:g}",
        is_reached=times.median <= GOAL,
    )


def _memory_row(games: int, before: float, grown: float) -> Row:
    return Row(
        what=f"memory of the service during lists of {games:,}",
        measured=f"{before:.0f} MiB, grown by {grown:.1f} MiB",
        goal=f"grown by at most {MEMORY_GOAL} MiB",
        is_reached=grown <= MEMORY_GOAL,
    )
