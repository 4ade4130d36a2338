"""Clients that call at random, all at the same time, and remember what they asked and heard."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count
from random import Random

import httpx

from tests.acceptance.stage import image_of
from tests.linearizability.history import Kind, Operation, Record, Response
from tests.services.running_service import RUNTIMES

CLIENTS = 8
KINDS = {
    Kind.GET: 6,
    Kind.START: 4,
    Kind.STOP: 2,
    Kind.RESTART: 2,
    Kind.PATCH: 3,
    Kind.CLEANUP: 2,
}
"""How often each kind is asked for."""
IMAGES: Mapping[Kind, Sequence[str | None]] = {
    # One that exits before it answers, and one of another line, which no patch may lead to.
    Kind.START: [image_of(each) for each in ("1.4.7", "1.4.7", "1.4.7", "1.4.8", "1.5.0", "1.4.9")],
    Kind.PATCH: [image_of(each) for each in ("1.4.7", "1.4.8", "1.4.8", "1.5.0", "1.4.9")],
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


@dataclass
class Crowd:
    """Clients of some replicas; `history` is what they have asked for and were answered so far."""

    replicas: Sequence[Connect]
    games: Sequence[str]
    seed: int
    longest_pause: float
    history: list[Operation] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def call_for(self, seconds: float) -> None:
        """Let all clients call until the time is over and each has its last answer."""
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(partial(self._call_until, until), range(CLIENTS)))

    def read_all(self) -> None:
        """Read every game once more, at the first replica."""
        with self.replicas[0]() as http:
            for game in self.games:
                self._ask("last", http, game, Kind.GET, None)

    def _call_until(self, until: float, number: int) -> None:
        random = Random(f"{self.seed} {number}")  # noqa: S311 - to be repeated by its seed
        connected = [connect() for connect in self.replicas]
        while time.monotonic() < until:
            (kind,) = random.choices(list(KINDS), list(KINDS.values()))
            image = random.choice(IMAGES.get(kind, [None]))
            game = random.choice(self.games)
            self._ask(f"c{number}", random.choice(connected), game, kind, image)
            time.sleep(random.uniform(0, self.longest_pause))
        for http in connected:
            http.close()

    def _ask(
        self, client: str, http: httpx.Client, game: str, kind: Kind, image: str | None
    ) -> None:
        method, path = _PATHS[kind]
        called_at, given_up = time.monotonic(), False
        try:
            url = f"{RUNTIMES}/{game}{path}"
            response = _heard(http.request(method, url, json=_body(kind, image)))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return  # nobody was there to begin anything
        except httpx.TransportError as lost:
            response, given_up = None, isinstance(lost, httpx.TimeoutException)
        self.history.append(
            Operation(
                id=next(self._numbers),
                client=client,
                game=game,
                kind=kind,
                image=image,
                called_at=called_at,
                returned_at=time.monotonic(),
                response=response,
                may_begin_late=given_up,
            )
        )


def _body(kind: Kind, image: str | None) -> object:
    if kind is Kind.STOP:
        return {"reason": "finished"}
    return {"image_ref": image} if image else None


def _heard(answer: httpx.Response) -> Response:
    if answer.status_code == HTTPStatus.OK:
        return Response(answer.status_code, Record.from_json(answer.json()))
    return Response(answer.status_code, code=answer.json()["error"]["code"])
