"""Measuring several servers in turns: within one round, all meet the same machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from bench.environment import BenchEnvironment, console
from bench.figures import Spread, ratio, spread
from bench.server_process import NO_TLS, ServerProcess
from bench.wrk import Request, send

SERVICE = "service"
UVICORN = ("uvicorn", "--port={port}", "--loop=uvloop", "--http=httptools")
QUIET = ("--no-access-log", "--log-level=warning")
WARM_UP_SECONDS = 1


@dataclass
class Contest:
    """What each server reached in every round: answers per second, and CPU seconds per answer."""

    answers: int = 0
    rates: dict[str, list[float]] = field(default_factory=dict)
    costs: dict[str, list[float]] = field(default_factory=dict)

    def against(self, peer: str) -> Spread:
        """Return the service's rate by the peer's."""
        return ratio(self.rates[SERVICE], self.rates[peer])

    def rate(self, name: str) -> Spread:
        """Return the answers per second of one server."""
        return spread(self.rates[name])

    def cost(self, name: str) -> Spread:
        """Return the milliseconds of CPU that one answer cost a server."""
        return spread([each * 1000 for each in self.costs[name]])


def start_peers(environment: BenchEnvironment, *names: str) -> Sequence[ServerProcess]:
    """Start the peers of these names, beside the service, which runs."""
    return [
        environment.peer(name, (*UVICORN, *QUIET, f"bench.peers.{name}_app:app")) for name in names
    ]


def check_same_answers(servers: Sequence[ServerProcess], path: str) -> None:
    """Raise RuntimeError unless all servers give the same answer."""
    answers = [httpx.get(f"{server.url}{path}", verify=NO_TLS) for server in servers]
    first = answers[0].raise_for_status().json()
    for server, answer in zip(servers, answers, strict=True):
        if answer.json() != first:
            raise RuntimeError(f"{server.name} answers {answer.text}, not {answers[0].text}")


def compete(  # noqa: PLR0913 - what is sent, by whom, how long
    servers: Sequence[ServerProcess],
    request: Request,
    games: Sequence[str],
    *,
    connections: int,
    rounds: int,
    seconds: int,
) -> Contest:
    """Send the request to every server in turn, round by round, after a warm-up that is dropped."""
    contest = Contest()
    for server in servers:
        send(server.url, request, games, connections=connections, seconds=WARM_UP_SECONDS)
    for number in range(1, rounds + 1):
        for server in servers:
            cpu = server.cpu_seconds()
            load = send(server.url, request, games, connections=connections, seconds=seconds)
            contest.answers += load.answers
            used = (server.cpu_seconds() - cpu) / load.answers
            contest.rates.setdefault(server.name, []).append(load.per_second)
            contest.costs.setdefault(server.name, []).append(used)
            _report(server.name, number, connections, load.per_second, used)
    return contest


def _report(name: str, number: int, connections: int, rate: float, used: float) -> None:
    console.print(
        f"  round {number}, {connections} connections, {name}: "
        f"{rate:.0f}/s, {used * 1000:.2f} ms of CPU each"
    )
