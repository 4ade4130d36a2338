"""A service that is the contract's state machine, but for the one fault that is planted in it."""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx

from tests.linearizability.history import Kind, Operation
from tests.linearizability.model import (
    NEVER_STARTED,
    NOT_FOUND,
    RUNNING,
    STATUS_OF,
    STOPPED,
    GameState,
    effect_of,
)

STALE_READ, LOST_STOP, DOUBLE_START = "a stale read", "a lost stop", "a double start"
CHANCE = 2
"""At which chance to do it the planted wrong is done, once in each game."""
_NEW = "?new"
_KINDS = {"start": Kind.START, "stop": Kind.STOP, "restart": Kind.RESTART, "patch": Kind.PATCH}


@dataclass
class WrongService:
    """Answers requests in memory, and does the planted wrong once in each game.

    `planted` names the games in which it was done.
    """

    fault: str | None
    planted: set[str] = field(default_factory=set)
    _chances: Counter[str] = field(default_factory=Counter)
    _games: dict[str, GameState] = field(default_factory=dict)
    _before: dict[str, GameState] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> httpx.Client:
        """Return a client of it."""
        transport = httpx.MockTransport(self.answer)
        return httpx.Client(base_url="http://wrong", transport=transport)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, as if it were alone."""
        game, kind = _asked(request)
        image = json.loads(request.content).get("image_ref") if request.content else None
        with self._lock:
            operation = Operation(
                id=next(self._numbers),
                client="",
                game=game,
                kind=kind,
                image=image,
                called_at=0.0,
                returned_at=0.0,
            )
            return self._carry_out(operation)

    def _carry_out(self, operation: Operation) -> httpx.Response:
        game, state = operation.game, self._games.get(operation.game, NEVER_STARTED)
        if operation.kind is Kind.GET:
            return self._read(game, state)
        effect = effect_of(state, operation)
        if isinstance(effect, str):
            return _refused(effect)
        stops = (state.status, effect.status) == (RUNNING, STOPPED)
        if self._strikes(LOST_STOP, game, when=stops):
            return _shown(effect)
        is_replay = operation.kind is Kind.START and effect is state
        if self._strikes(DOUBLE_START, game, when=is_replay):
            effect = replace(effect, container=_NEW)
        return self._become(game, state, effect)

    def _read(self, game: str, state: GameState) -> httpx.Response:
        if self._strikes(STALE_READ, game, when=game in self._before):
            return _shown(self._before[game])
        return _refused(NOT_FOUND) if state == NEVER_STARTED else _shown(state)

    def _become(self, game: str, state: GameState, effect: GameState) -> httpx.Response:
        if effect.is_unnamed:
            effect = replace(effect, container=f"container-{next(self._numbers)}")
        if effect != state:
            self._games[game] = effect
            if state != NEVER_STARTED:
                self._before[game] = state
        return _shown(effect)

    def _strikes(self, fault: str, game: str, *, when: bool) -> bool:
        if self.fault != fault or not when:
            return False
        self._chances[game] += 1
        strikes = self._chances[game] == CHANCE
        if strikes:
            self.planted.add(game)
        return strikes


def _asked(request: httpx.Request) -> tuple[str, Kind]:
    _, _, path = request.url.path.partition("/runtimes/")
    game, _, what = path.partition("/")
    if request.method == "GET":
        return game, Kind.GET
    return game, _KINDS.get(what, Kind.CLEANUP)


def _shown(state: GameState) -> httpx.Response:
    shown: dict[str, Any] = {
        "status": state.status,
        "current_image_ref": state.image,
        "current_container_id": state.container,
    }
    return httpx.Response(200, json=shown)


def _refused(code: str) -> httpx.Response:
    return httpx.Response(STATUS_OF[code], json={"error": {"code": code}})
