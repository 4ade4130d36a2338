"""A POST that is refused with 409, against FastAPI writing the same row.

The service runs its whole protocol: lease, observation, rule and row in one transaction. The peer
validates the body, locks and reads the record, and writes the same row in one transaction.
"""

from collections.abc import Sequence

import psycopg

from bench.competitors import SERVICE, compete, start_peers
from bench.environment import bench_environment, console
from bench.figures import Row
from bench.fleet import insert_removed
from bench.sizes import Sizes
from bench.wrk import Request

PATCH = Request(
    method="POST",
    path="/api/v1/internal/runtimes/%s/patch",
    status=409,
    contains='"code":"conflict"',
    body='{"image_ref":"galaxy/game:1.4.8"}',
)
PEER, GOAL = "fastapi", 1.0
CONNECTIONS = 16

_WRITTEN = """
    SELECT count(*) FROM operation_log
    WHERE kind = 'patch' AND outcome = 'failure' AND error_code = 'conflict'
"""


def measure(sizes: Sizes) -> Sequence[Row]:
    """Let both refuse the patch of removed games, in turns, and count the rows they wrote."""
    with bench_environment() as environment:
        environment.service.start()
        games = insert_removed(environment.dsn, sizes.fleet)
        servers = [environment.service, *start_peers(environment, PEER)]
        console.print(f"POST that is refused, {CONNECTIONS} connections")
        contest = compete(
            servers,
            PATCH,
            games,
            connections=CONNECTIONS,
            rounds=sizes.rounds,
            seconds=sizes.seconds,
        )
        _check_rows(environment.dsn, contest.answers)
    reached = contest.against(PEER)
    return [
        Row(
            what=f"POST that is refused (409), with body, {CONNECTIONS} connections",
            measured=f"{contest.rate(SERVICE):.0f}/s, {contest.cost(SERVICE).median:.2f} ms of CPU",
            against=f"{PEER} writing the same row",
            baseline=f"{contest.rate(PEER):.0f}/s, {contest.cost(PEER).median:.2f} ms of CPU",
            ratio=f"{reached:.2f}",
            goal=f"at least {GOAL:g}",
            is_reached=reached.median >= GOAL,
        )
    ]


def _check_rows(dsn: str, answers: int) -> None:
    """Raise RuntimeError when there are fewer rows than answers: somebody wrote none."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(_WRITTEN).fetchone()
    if not found or found[0] < answers:
        raise RuntimeError(f"{answers} refusals were answered, but there are {found} rows")
