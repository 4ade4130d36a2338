"""Effects in the in-memory Docker that come at their own time, whoever waits for them."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Generic, TypeVar

from rtmanager.domain.errors import RuntimeManagerError

T = TypeVar("T")
CLOSE_ENOUGH = 1e-6
"""Sums of seconds are not exact: what is due within a microsecond is due."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks: that of the wall may step, elapsed seconds never do."""

    wall: datetime
    elapsed: float


Act = Callable[[Moment], T]
"""Changes Docker at that moment, or raises the port's error for why it cannot."""


class Effect(Generic[T]):
    """An act that is to happen at `due`, and what came of it."""

    def __init__(self, due: float, act: Act[T]) -> None:
        self.due = due
        self._act = act
        self._result: list[T] = []
        self._error: RuntimeManagerError | None = None

    @property
    def is_done(self) -> bool:
        """Tell whether it has happened, or was refused."""
        return bool(self._result) or self._error is not None

    @property
    def result(self) -> T:
        """What the act returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def happen(self, moment: Moment) -> None:
        """Do it, whether anybody still waits for it or not."""
        try:
            self._result.append(self._act(moment))
        except RuntimeManagerError as error:
            self._error = error


class EffectQueue:
    """What is still to happen, the earliest first, and of the same time in the order of calls."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Effect[Any]]] = []
        self._numbers = count()

    @property
    def next_due(self) -> float | None:
        """When the next one is due; None when there is none."""
        return self._queue[0][0] if self._queue else None

    def add(self, effect: Effect[Any]) -> None:
        """Let it happen at its time."""
        heapq.heappush(self._queue, (effect.due, next(self._numbers), effect))

    def pop(self) -> Effect[Any]:
        """Take the earliest out."""
        return heapq.heappop(self._queue)[2]
