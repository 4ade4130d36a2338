"""Workload and checker together: they find the faults of a service, and nothing else."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx
import pytest

from tests.linearizability.checker import violations
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
from tests.linearizability.workload import Workload

GAMES = [f"g{number}" for number in range(24)]
"""So many because the next restart hides a lost stop for good."""
ROUND_SECONDS, MAX_ROUNDS = 0.5, 60
STALE_READ, LOST_STOP, DOUBLE_START = "a stale read", "a lost stop", "a double start"
OPPORTUNITY = 2
"""The planted fault occurs at this opportunity, once in each game."""
_NEW = "?new"
_KINDS = {"start": Kind.START, "stop": Kind.STOP, "restart": Kind.RESTART, "patch": Kind.PATCH}


@dataclass
class WrongService:
    """Answers requests in memory, with the planted fault once in each game.

    `planted` names the games in which it has occurred.
    """

    fault: str | None
    planted: set[str] = field(default_factory=set)
    _opportunities: Counter[str] = field(default_factory=Counter)
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
            return self._perform(operation)

    def _perform(self, operation: Operation) -> httpx.Response:
        game, state = operation.game, self._games.get(operation.game, NEVER_STARTED)
        if operation.kind is Kind.GET:
            return self._read(game, state)
        effect = effect_of(state, operation)
        if isinstance(effect, str):
            return _refused(effect)
        stops = (state.status, effect.status) == (RUNNING, STOPPED)
        if self._occurs(LOST_STOP, game, when=stops):
            return _shown(effect)
        is_replay = operation.kind is Kind.START and effect is state
        if self._occurs(DOUBLE_START, game, when=is_replay):
            effect = replace(effect, container=_NEW)
        return self._change_to(game, state, effect)

    def _read(self, game: str, state: GameState) -> httpx.Response:
        if self._occurs(STALE_READ, game, when=game in self._before):
            return _shown(self._before[game])
        return _refused(NOT_FOUND) if state == NEVER_STARTED else _shown(state)

    def _change_to(self, game: str, state: GameState, effect: GameState) -> httpx.Response:
        if effect.is_unnamed:
            effect = replace(effect, container=f"container-{next(self._numbers)}")
        if effect != state:
            self._games[game] = effect
            if state != NEVER_STARTED:
                self._before[game] = state
        return _shown(effect)

    def _occurs(self, fault: str, game: str, *, when: bool) -> bool:
        if self.fault != fault or not when:
            return False
        self._opportunities[game] += 1
        occurs = self._opportunities[game] == OPPORTUNITY
        if occurs:
            self.planted.add(game)
        return occurs


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


def workload_of(service: WrongService, *, until: Callable[[Workload], bool]) -> Workload:
    """Let clients call the service until it is enough, and one round more to see the effect.

    A fixed time would be enough on one machine and not on another.
    """
    workload = Workload([service.connect], GAMES, seed=1, longest_pause=0.002)
    for _ in range(MAX_ROUNDS):
        workload.call_for(ROUND_SECONDS)
        if until(workload):
            break
    workload.call_for(ROUND_SECONDS)
    workload.read_all()
    return workload


@pytest.mark.parametrize("fault", [STALE_READ, LOST_STOP, DOUBLE_START])
def test_planted_fault_is_found(fault: str) -> None:
    """One wrong answer among a game's hundreds leaves no order in which all answers are right."""
    service = WrongService(fault)

    workload = workload_of(service, until=lambda _: service.planted == set(GAMES))
    found = {each.operation.game for each in violations(workload.history)}

    assert found
    assert found <= service.planted


def test_service_without_a_fault_passes() -> None:
    """The answers of the contract's own state machine have an order: the one they were given in."""
    workload = workload_of(WrongService(None), until=_has_seen_much)

    assert _has_seen_much(workload)
    assert violations(workload.history) == []


def _has_seen_much(workload: Workload) -> bool:
    return len(workload.history) > 100 and {each.kind for each in workload.history} == set(Kind)
