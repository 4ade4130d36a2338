"""The workload: clients that call at random, all at the same time, while processes are killed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count
from random import Random

import httpx

from tests.linearizability.history import Kind, Operation, Record, Response, request_id
from tests.support.environment import Environment, image_of
from tests.support.running_service import RUNTIMES

CLIENTS = 6
KINDS = {
    Kind.GET: 6,
    Kind.START: 4,
    Kind.STOP: 4,
    Kind.RESTART: 3,
    Kind.PATCH: 3,
    Kind.CLEANUP: 4,
}
"""How often each kind is asked for."""
BROKEN = "1.4.90-exits-at-once"
OTHER_LINE = "1.5.0"
IMAGES: Mapping[Kind, Sequence[str | None]] = {
    Kind.START: [image_of(each) for each in ("1.4.7",) * 5 + ("1.4.8", OTHER_LINE, BROKEN)],
    Kind.PATCH: [image_of(each) for each in ("1.4.7", "1.4.8") * 3 + (OTHER_LINE, BROKEN)],
}
_PATHS: Mapping[Kind, tuple[str, str]] = {
    Kind.GET: ("GET", ""),
    Kind.START: ("POST", "/start"),
    Kind.STOP: ("POST", "/stop"),
    Kind.RESTART: ("POST", "/restart"),
    Kind.PATCH: ("POST", "/patch"),
    Kind.CLEANUP: ("DELETE", "/container"),
}

Connect = Callable[[], httpx.Client]
"""Makes a client of one replica."""

Kills = list[frozenset[str]]
"""For each kill the request ids of the operations that were open right after it."""


@dataclass(frozen=True)
class _Call:
    """What a client asks for."""

    kind: Kind
    game: str
    image: str | None = None

    @property
    def method(self) -> str:
        return _PATHS[self.kind][0]

    @property
    def path(self) -> str:
        return f"{RUNTIMES}/{self.game}{_PATHS[self.kind][1]}"

    @property
    def body(self) -> object:
        if self.kind is Kind.STOP:
            return {"reason": "finished"}
        return {"image_ref": self.image} if self.image else None


@dataclass
class Workload:
    """Clients of some replicas; `history` is what they have asked and were answered so far."""

    replicas: Sequence[Connect]
    games: Sequence[str]
    seed: int
    longest_pause: float
    history: list[Operation] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _rounds: "count[int]" = field(default_factory=count)

    def call_for(self, seconds: float) -> None:
        """Let all clients call until the time is over and each has its last answer.

        Each round has other calls, which depend on the seed too.
        """
        until, seed = time.monotonic() + seconds, f"{self.seed} {next(self._rounds)}"
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(partial(self._call_until, until, seed), range(CLIENTS)))

    def read_all(self) -> None:
        """Read every game once more, at the first replica."""
        for game in self.games:
            self._ask("last", self.replicas[0], _Call(Kind.GET, game))

    def _call_until(self, until: float, seed: str, number: int) -> None:
        random = Random(f"{seed} {number}")  # noqa: S311 - to be repeated by its seed
        while time.monotonic() < until:
            (kind,) = random.choices(list(KINDS), list(KINDS.values()))
            call = _Call(kind, random.choice(self.games), random.choice(IMAGES.get(kind, [None])))
            self._ask(f"c{number}", random.choice(self.replicas), call)
            time.sleep(random.uniform(0, self.longest_pause))

    def _ask(self, client: str, connect: Connect, call: _Call) -> None:
        number, called_at, given_up = next(self._numbers), time.monotonic(), False
        headers = {"X-Request-Id": request_id(number)}
        try:
            # A connection of its own: a kept one would break without having been used.
            with connect() as http:
                answer = http.request(call.method, call.path, json=call.body, headers=headers)
            response = _response_of(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return  # no process was there to begin anything
        except httpx.TransportError as lost:
            response, given_up = None, isinstance(lost, httpx.TimeoutException)
        self.history.append(
            Operation(
                id=number,
                client=client,
                game=call.game,
                kind=call.kind,
                image=call.image,
                called_at=called_at,
                returned_at=time.monotonic(),
                response=response,
                may_begin_late=given_up,
            )
        )


def _response_of(answer: httpx.Response) -> Response:
    if answer.status_code == HTTPStatus.OK:
        return Response(answer.status_code, Record.from_json(answer.json()))
    return Response(answer.status_code, code=answer.json()["error"]["code"])


@contextmanager
def killed_in_turn(replicas: Sequence[Environment], *, every: float) -> Iterator[Kills]:
    """Kill one replica after the other during the block, and restart each at once."""
    over, kills = threading.Event(), Kills()
    begun = time.monotonic()

    def kill_in_turn() -> None:
        while not over.wait(_until_next(begun, every)):
            environment = replicas[len(kills) % len(replicas)]
            environment.service.kill()
            kills.append(open_requests(environment))
            environment.service.start()

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(kill_in_turn)
        try:
            yield kills
        finally:
            over.set()
    killer.result()


def open_requests(environment: Environment) -> frozenset[str]:
    """Return the request ids of the operations that are open in any process."""
    return frozenset(row["source_ref"] for row in environment.open_operations())


def interrupted_operations(kills: Kills, history: Sequence[Operation]) -> list[Operation]:
    """Return the operations that were open when their own process was killed."""
    lost = [each for each in history if each.response is None and not each.is_read]
    interrupted = frozenset[str]().union(*kills)
    return [each for each in lost if each.request_id in interrupted]


def kills_inside_operations(kills: Kills, history: Sequence[Operation]) -> int:
    """Return how many kills ended a process in the middle of an operation."""
    interrupted = {each.request_id for each in interrupted_operations(kills, history)}
    return sum(bool(each & interrupted) for each in kills)


def _until_next(begun: float, every: float) -> float:
    """Return the seconds to the next full round; a replica that starts slowly skips a round."""
    return every - (time.monotonic() - begun) % every
