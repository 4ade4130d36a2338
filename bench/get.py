"""GET of one record through the whole stack, against FastAPI and bare Starlette."""

from collections.abc import Sequence

from bench.competitors import SERVICE, Contest, check_same_answers, compete, start_peers
from bench.environment import bench_environment, console
from bench.figures import Row
from bench.fleet import insert_removed
from bench.sizes import Sizes
from bench.wrk import Request

PATH = "/api/v1/internal/runtimes/%s"
GET = Request("GET", PATH, 200, '"status":"removed"')
GAMES = 1_000
GOALS = {"fastapi": 1.2, "starlette": 0.8}


def measure(sizes: Sizes) -> Sequence[Row]:
    """Let the service and its peers answer the same request for the same records, in turns."""
    rows: list[Row] = []
    with bench_environment() as environment:
        environment.service.start()
        games = insert_removed(environment.dsn, GAMES)
        servers = [environment.service, *start_peers(environment, *GOALS)]
        check_same_answers(servers, PATH % games[0])
        for connections in (16, 64):
            console.print(f"GET one record, {connections} connections")
            contest = compete(
                servers,
                GET,
                games,
                connections=connections,
                rounds=sizes.rounds,
                seconds=sizes.seconds,
            )
            rows += [_row(contest, connections, peer, goal) for peer, goal in GOALS.items()]
    return rows


def _row(contest: Contest, connections: int, peer: str, goal: float) -> Row:
    reached = contest.against(peer)
    return Row(
        what=f"GET one record, {connections} connections",
        measured=f"{contest.rate(SERVICE):.0f}/s, {contest.cost(SERVICE).median:.2f} ms of CPU",
        against=peer,
        baseline=f"{contest.rate(peer):.0f}/s, {contest.cost(peer).median:.2f} ms of CPU",
        ratio=f"{reached:.2f}",
        goal=f"at least {goal:g}",
        is_reached=reached.median >= goal,
    )
