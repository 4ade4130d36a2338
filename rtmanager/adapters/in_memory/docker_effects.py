"""The fate of a call to the in-memory Docker, and its effect, which has its own time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import count
from typing import Any, Generic, TypeVar

from rtmanager.domain.errors import RuntimeManagerError

T = TypeVar("T")
CLOSE_ENOUGH = 1e-6
"""Sums of floats are not exact: what is due within a microsecond is due."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks: the wall clock may step, elapsed seconds never do."""

    wall: datetime
    elapsed: float


Act = Callable[[Moment], T]
"""Changes Docker at that moment, or raises the port's error."""


class Effect(Generic[T]):
    """An act that happens at `due`, and its result."""

    def __init__(self, due: float, act: Act[T]) -> None:
        self.due = due
        self._act = act
        self._result: list[T] = []
        self._error: RuntimeManagerError | None = None

    @property
    def is_done(self) -> bool:
        """Return whether it has happened or was refused."""
        return bool(self._result) or self._error is not None

    @property
    def result(self) -> T:
        """What the act returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def happen(self, moment: Moment) -> None:
        """Do it, even if the caller no longer waits for it."""
        try:
            self._result.append(self._act(moment))
        except RuntimeManagerError as error:
            self._error = error


class EffectQueue:
    """The pending effects, earliest first; those due at the same time in the order of calls."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Effect[Any]]] = []
        self._numbers = count()

    @property
    def next_due(self) -> float | None:
        """When the next one is due; None when there is none."""
        return self._queue[0][0] if self._queue else None

    def add(self, effect: Effect[Any]) -> None:
        """Schedule the effect."""
        heapq.heappush(self._queue, (effect.due, next(self._numbers), effect))

    def pop(self) -> Effect[Any]:
        """Remove and return the earliest effect."""
        return heapq.heappop(self._queue)[2]


class Reply(Enum):
    """What the caller gets."""

    ANSWER = "answer"
    REFUSAL = "refusal"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a call has its effect, how many seconds late, and what its caller gets.

    A late effect is checked when it happens, like any other: by then its name may be in use, or its
    container gone or running.
    """

    happens: bool = True
    reply: Reply = Reply.ANSWER
    delay: float = 0.0

    @property
    def is_heard(self) -> bool:
        """Return whether the caller gets any answer."""
        return self.reply is not Reply.NOTHING


NORMAL = Fate()
REFUSE_BEFORE = Fate(happens=False, reply=Reply.REFUSAL)
REFUSE_AFTER = Fate(reply=Reply.REFUSAL)
LOSE_CALL = Fate(happens=False, reply=Reply.NOTHING)
LOSE_REPLY = Fate(reply=Reply.NOTHING)


def late(seconds: float) -> Fate:
    """Give the caller no answer, and delay the effect by `seconds`."""
    return Fate(reply=Reply.NOTHING, delay=seconds)


FateOf = Callable[[str, str], Fate]
"""Returns the fate of a changing call, by its name ("start") and its container's name or id.

For a create it is the new container's name, for a pull the normalized reference.
"""
