"""The guard against getting slower: what each operation sends to its servers, counted exactly.

No worker runs meanwhile, and nothing is timed. When a change makes something cheaper or dearer on
purpose, the failure prints the new rows of the table.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis import Redis

from rtmanager.bootstrap.composition import assemble
from rtmanager.bootstrap.service import Service
from rtmanager.config import Settings
from rtmanager.domain.ports.runtime_records import PAGE
from rtmanager.server.connexion_app import create_app
from rtmanager.server.endpoints import endpoints
from tests.contract.caller import RUNTIMES, Caller
from tests.support.environment import new_game
from tests.support.recorder import (
    CALL,
    COMMAND,
    STATEMENT,
    TRIP,
    DockerRequests,
    PostgresRequests,
    Recorder,
    RedisRequests,
    Sent,
    recorded,
)


class Cost(NamedTuple):
    """How many statements, in how many round trips, how many commands and calls."""

    statements: int
    round_trips: int
    redis: int
    docker: int


# Statements, round trips to Postgres, Redis commands, Docker calls.
COSTS: Mapping[str, Cost] = {
    "start": Cost(17, 8, 2, 11),
    "start, replayed": Cost(6, 3, 2, 1),
    "start, refused": Cost(6, 3, 2, 1),
    "GET": Cost(1, 1, 0, 0),
    "GET, unknown": Cost(1, 1, 0, 0),
    "list": Cost(4, 2, 0, 0),
    "list of 3 pages": Cost(6, 4, 0, 0),
    "patch": Cost(20, 11, 2, 22),
    "restart": Cost(20, 11, 2, 22),
    "start job": Cost(17, 8, 4, 10),
    "job, replayed": Cost(7, 3, 4, 1),
    "20 jobs of a game, replayed": Cost(7, 3, 4, 1),
    "relay of a batch": Cost(6, 2, 1, 0),
    "relay of nothing": Cost(5, 2, 0, 0),
    "probe of 2 games": Cost(6, 4, 0, 1),
    "inspection of 2 games": Cost(2, 2, 0, 3),
    "reconciliation of 2 games": Cost(2, 2, 0, 1),
    "start-up with 2 games": Cost(3, 3, 0, 1),
    "stop": Cost(13, 7, 2, 6),
    "stop, replayed": Cost(2, 2, 0, 0),
    "cleanup": Cost(13, 7, 2, 6),
    "cleanup, replayed": Cost(2, 2, 0, 0),
}

JOBS_AT_ONCE = 20

_GAMES: LiteralString = """
    INSERT INTO runtime_records (
        game_id, status, state_path, docker_network, last_op_at, created_at, last_fence
    )
    SELECT 'g' || n, 'removed', '', 'galaxy-net', now(), now(), 0 FROM generate_series(1, %s) AS n
"""
IMAGE, PATCHED, OTHER_MINOR = "galaxy/game:1.4.7", "galaxy/game:1.4.8", "galaxy/game:1.5.0"


@dataclass
class Counted:
    """The real use cases, without workers, behind recording proxies."""

    service: Service
    caller: Caller
    redis: Redis
    dsn: str
    recorder: Recorder
    sent: dict[str, Sequence[Sent]]

    async def count(self, name: str, work: Awaitable[object]) -> None:
        """Do the work, and write down under this name what was sent for it."""
        self.recorder.take()
        await work
        await self.service.use_cases.operations.in_flight.drain(10)
        self.sent[name] = self.recorder.take()

    async def ask(self, status: int, method: str, path: str, body: object = None) -> None:
        """Send a request, which must be answered with this status."""
        raw = b"" if body is None else json.dumps(body).encode()
        headers = [(b"content-type", b"application/json")] if raw else []
        answer = await self.caller.send(method, f"{RUNTIMES}{path}", body=raw, headers=headers)
        assert answer.status == status, answer.body

    async def jobs(self, game: str, number: int) -> None:
        """Add start jobs of a game, then read, handle and acknowledge them as the consumer does."""
        fields: Any = {"game_id": game, "image_ref": IMAGE, "requested_at_ms": "1"}
        for _ in range(number):
            self.redis.xadd("runtime:start_jobs", fields)
        entries = list(await self.service.cycles.jobs.read(count=100, block=0.01))
        assert len(entries) == number
        while entries:
            del entries[: await self.service.cycles.handle_job.run(entries)]

    def insert_games(self, number: int) -> None:
        """Insert records of games that were removed."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(_GAMES, [number])

    def delete_games(self) -> None:
        """Delete the records that were inserted."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("DELETE FROM runtime_records WHERE status = 'removed'")

    async def relay(self) -> None:
        """Send one batch of messages."""
        await self.service.cycles.relay.run()

    async def start_up(self) -> None:
        """Reconcile, as before the listener opens.

        Who is on Docker's networks is read there too, which costs a call for each of them.
        """
        cycles = self.service.cycles
        listed = await cycles.check_host.run()
        await cycles.reconcile.run(listed)


@pytest.fixture
async def counted(service_settings: dict[str, str], tmp_path: Path) -> AsyncIterator[Counted]:
    """Return the service on real servers, with every script loaded and no game yet."""
    recorder = Recorder()
    async with AsyncExitStack() as stack:
        settings = await _recorded_settings(service_settings, recorder, tmp_path, stack)
        service = assemble(Settings.from_environment(settings))
        for dependency in service.dependencies:
            stack.push_async_callback(dependency.close)
            await dependency.open()
        host, _, port = service_settings["redis_master_addr"].partition(":")
        redis = stack.enter_context(closing(Redis(host=host, port=int(port))))
        caller = Caller(create_app(endpoints(service.use_cases)))
        yield Counted(
            service, caller, redis, service_settings["postgres_primary_dsn"], recorder, {}
        )


async def _recorded_settings(
    settings: dict[str, str], recorder: Recorder, directory: Path, stack: AsyncExitStack
) -> dict[str, str]:
    """Return the settings of a service behind proxies, without anything that depends on time."""
    dsn, socket = settings["postgres_primary_dsn"], directory / "docker.sock"
    known = conninfo_to_dict(dsn)
    postgres = (str(known["host"]), int(str(known["port"])))
    host, _, port = settings["redis_master_addr"].partition(":")
    docker = Path(settings["docker_host"].removeprefix("unix://"))
    proxies = [
        recorded(postgres, partial(PostgresRequests, recorder)),
        recorded((host, int(port)), partial(RedisRequests, recorder)),
        recorded(docker, partial(DockerRequests, recorder), socket),
    ]
    to_postgres, to_redis, _ = [await stack.enter_async_context(each) for each in proxies]
    chosen = settings | {
        "postgres_primary_dsn": make_conninfo(dsn, port=to_postgres),
        "redis_master_addr": f"127.0.0.1:{to_redis}",
        "docker_host": f"unix://{socket}",
        "start_gate_timeout": "0s",
        "patch_gate_timeout": "0s",
        # A stop that took its whole time would be looked into.
        "container_stop_timeout_seconds": "60",
    }
    return {f"RTMANAGER_{name.upper()}": value for name, value in chosen.items()}


async def test_every_operation_sends_what_the_table_says(counted: Counted) -> None:
    """As many statements, round trips, commands and calls: no more, and no fewer."""
    await _warm_up(counted)
    await _operate(counted)

    counts = {name: _cost(sent) for name, sent in counted.sent.items()}
    different = [name for name in counts if counts[name] != COSTS.get(name)]
    assert counts == COSTS, _explained(different, counted.sent)


async def _warm_up(counted: Counted) -> None:
    """Use every script once, and read what is empty."""
    await counted.ask(400, "POST", f"/{new_game()}/start", {"image_ref": "NOT/A REFERENCE"})
    await counted.service.cycles.jobs.reclaim()
    await counted.jobs(new_game().replace("-", "!"), 0)
    await counted.relay()


async def _operate(counted: Counted) -> None:
    """Do everything in the order of the table."""
    first, second = new_game(), new_game()
    rest, cycles = counted.ask, counted.service.cycles
    start = {"image_ref": IMAGE}
    count = counted.count
    await count("start", rest(200, "POST", f"/{first}/start", start))
    await count("start, replayed", rest(200, "POST", f"/{first}/start", start))
    await count("start, refused", rest(409, "POST", f"/{first}/start", {"image_ref": OTHER_MINOR}))
    await count("GET", rest(200, "GET", f"/{first}"))
    await count("GET, unknown", rest(404, "GET", f"/{new_game()}"))
    await count("list", rest(200, "GET", ""))
    counted.insert_games(2 * PAGE)
    await count("list of 3 pages", rest(200, "GET", ""))
    counted.delete_games()
    await count("patch", rest(200, "POST", f"/{first}/patch", {"image_ref": PATCHED}))
    await count("restart", rest(200, "POST", f"/{first}/restart"))
    await count("start job", counted.jobs(second, 1))
    await count("job, replayed", counted.jobs(second, 1))
    await count(f"{JOBS_AT_ONCE} jobs of a game, replayed", counted.jobs(second, JOBS_AT_ONCE))
    await count("relay of a batch", counted.relay())
    await count("relay of nothing", counted.relay())
    for _ in range(2):  # the first round writes what it finds
        await count("probe of 2 games", cycles.probe.run())
        await count("inspection of 2 games", cycles.inspect.run())
        await count("reconciliation of 2 games", cycles.reconcile.run())
    await count("start-up with 2 games", counted.start_up())
    stop = {"reason": "finished"}
    await count("stop", rest(200, "POST", f"/{first}/stop", stop))
    await count("stop, replayed", rest(200, "POST", f"/{first}/stop", stop))
    await count("cleanup", rest(200, "DELETE", f"/{first}/container"))
    await count("cleanup, replayed", rest(200, "DELETE", f"/{first}/container"))


def _cost(sent: Sequence[Sent]) -> Cost:
    kinds = [each.kind for each in sent]
    return Cost(*map(kinds.count, (STATEMENT, TRIP, COMMAND, CALL)))


def _explained(different: Sequence[str], sent: Mapping[str, Sequence[Sent]]) -> str:
    """Return the rows as they would be, and what was sent for each that differs."""
    rows = [f'    "{name}": Cost{tuple(_cost(each))},' for name, each in sent.items()]
    details = [
        line for name in different for line in ("", f"{name}:", *map("  {}".format, sent[name]))
    ]
    return "\n".join(["COSTS: Mapping[str, Cost] = {", *rows, "}", *details])
