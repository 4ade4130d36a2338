"""What an acceptance test sees: the service from outside, and the truth in Docker and Postgres."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import docker
import httpx
import psycopg
from docker.errors import NotFound
from psycopg.rows import dict_row

from tests.services import plain_http
from tests.services.run import run_name
from tests.services.running_service import RUNTIMES, RunningService

Row = dict[str, Any]
GAME_LABEL = "com.galaxy.game_id"
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Stage:
    """A running service and the servers that it works on."""

    service: RunningService
    docker: Any
    dsn: str
    network: str
    state_root: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send one request to the service, on a connection of its own."""
        url = f"{self.service.url}{path}"
        return plain_http.request(method, url, json=body, headers=self.headers, timeout=90)

    def start(self, game: str, version: str = "1.4.7") -> httpx.Response:
        """Start a game with a demo image."""
        return self.call("POST", f"{RUNTIMES}/{game}/start", {"image_ref": image_of(version)})

    def patch(self, game: str, version: str) -> httpx.Response:
        """Patch a game to another demo image."""
        return self.call("POST", f"{RUNTIMES}/{game}/patch", {"image_ref": image_of(version)})

    def restart(self, game: str) -> httpx.Response:
        """Restart a game."""
        return self.call("POST", f"{RUNTIMES}/{game}/restart")

    def stop(self, game: str) -> httpx.Response:
        """Stop a game."""
        return self.call("POST", f"{RUNTIMES}/{game}/stop", {"reason": "finished"})

    def clean_up(self, game: str) -> httpx.Response:
        """Remove the container of a game."""
        return self.call("DELETE", f"{RUNTIMES}/{game}/container")

    def get(self, game: str) -> httpx.Response:
        """Read a game's record."""
        return self.call("GET", f"{RUNTIMES}/{game}")

    def containers(self, game: str) -> list[Row]:
        """Return every container of a game, in any state, as `docker ps -a` lists them."""
        filters = {"label": f"{GAME_LABEL}={game}"}
        return list(self.docker.containers(all=True, filters=filters))

    def inspect(self, container: str) -> Row:
        """Return what `docker inspect` shows."""
        return dict(self.docker.inspect_container(container))

    def health(self, game: str) -> httpx.Response:
        """Ask the game's engine for its health, at its address on the network."""
        networks = self.inspect(f"galaxy-game-{game}")["NetworkSettings"]["Networks"]
        url = f"http://{networks[self.network]['IPAddress']}:8080/healthz"
        return plain_http.request("GET", url, timeout=5)

    def operations(self, game: str) -> list[Row]:
        """Return what callers asked for on a game, from the operation log, oldest first."""
        statement = "SELECT * FROM operation_log WHERE game_id = %s AND source <> 'auto_reconcile'"
        return self.rows(f"{statement} ORDER BY id", game)

    def assert_settled(self, game: str) -> None:
        """Demand that no operation stays open; the reconciler may be at work for a moment."""
        statement = "SELECT * FROM operation_log WHERE game_id = %s AND outcome IS NULL"
        wait_until(lambda: not self.rows(statement, game))

    @property
    def installation(self) -> str:
        """The installation's id, as the database keeps it."""
        (row,) = self.rows("SELECT id FROM installation WHERE %s <> ''", "any")
        return str(row["id"])

    def seconds_until_told(self, told: Row, *, since: float) -> float:
        """Return the time from Docker's word of a container's end to an outbox row about it.

        Not by our clock: how often a busy host lets us look does not count. A row is written in one
        transaction with the record, and dated when that begins.
        """
        filters = {"container": told["fields"]["container_id"], "event": ["die", "destroy"]}
        until = f"{time.time():.6f}"  # what has happened by now, without waiting for more
        events = self.docker.events(since=f"{since:.6f}", until=until, decode=True, filters=filters)
        ended = min(each["timeNano"] for each in events)
        return float(told["created_at"].timestamp() - ended / 1e9)

    def outbox(self, game: str) -> list[Row]:
        """Return the messages that wait to be sent about a game, oldest first."""
        return self.rows("SELECT * FROM outbox WHERE game_id = %s ORDER BY id", game)

    def rows(self, statement: str, game: str) -> list[Row]:
        """Run a statement about one game."""
        connect: Any = partial(psycopg.connect, self.dsn, autocommit=True)
        with connect(row_factory=dict_row) as connection:
            return list(connection.execute(statement, (game,)))

    def state(self, game: str) -> Path:
        """Return the game's state directory."""
        return self.state_root / game

    def assert_true_record(self, game: str, version: str, *, parked_may_stay: bool = False) -> None:
        """Demand one running container, a record that says so, and nothing left of an operation.

        A parked one may stay where Docker was away, or given up, when it was to be removed: it is
        the reconciler's after its grace period.
        """
        self.assert_settled(game)
        if not parked_may_stay:
            # It goes after the outcome was written, and long before a reconciler would take it.
            wait_until(lambda: not any(map(_is_parked, self.containers(game))))
        record = ok(self.get(game))
        found = self.containers(game)
        (container,) = [each for each in found if not (parked_may_stay and _is_parked(each))]
        seen = (container["State"], container["Names"], container["Labels"])

        assert seen[:2] == ("running", [f"/galaxy-game-{game}"])
        assert seen[2]["com.galaxy.engine_image_ref"] == image_of(version)
        assert record["status"] == "running"
        assert record["current_container_id"] == container["Id"]
        assert record["current_image_ref"] == image_of(version)

    def assert_nothing_left(self, game: str) -> None:
        """Demand that a first start that failed left neither a container nor a record."""
        assert self.containers(game) == []
        assert self.get(game).status_code == 404


def _is_parked(container: Row) -> bool:
    return "-parked-" in container["Names"][0]


def image_of(version: str) -> str:
    """Return the reference of a demo image."""
    return f"galaxy/game:{version}"


def new_game() -> str:
    """Return a game id that no other test uses."""
    return f"{run_name()}-{secrets.token_hex(6)}"


def ok(answer: httpx.Response) -> Row:
    """Return the record of a successful answer."""
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def error(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, str(answer.json()["error"]["code"])


def message(answer: httpx.Response) -> str:
    """Return the words of a refusal."""
    return str(answer.json()["error"]["message"])


def wait_until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(_POLL_SECONDS)


@contextmanager
def under_way(work: Callable[[], httpx.Response]) -> Iterator[Callable[[], httpx.Response | None]]:
    """Send a request beside the block; gives a function that returns its answer, None if lost."""
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(work)

        def answer() -> httpx.Response | None:
            try:
                return sent.result(60)
            except httpx.TransportError:
                return None

        yield answer


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Send all requests at the same moment and return their answers."""
    with ThreadPoolExecutor(len(calls)) as pool:
        sent = [pool.submit(call) for call in calls]
        return [each.result() for each in sent]


def remove_containers(api: Any, filters: Row) -> None:
    """Remove all containers that match, side by side."""
    found = [each["Id"] for each in api.containers(all=True, quiet=True, filters=filters)]
    if found:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(partial(_remove, api), found))


def _remove(api: Any, container: str) -> None:
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        return
    except docker.errors.APIError as refusal:
        if "already in progress" not in str(refusal.explanation):
            raise
