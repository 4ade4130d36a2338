"""Lying in wait for a call or a situation, so that faults strike where it matters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.process import Process
from tests.simulation.situations import SITUATIONS

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.environment import Environment

STRIKE_A_PROCESS = {"kill", "stall", "shutdown", "suspend", "numb"}
"""Events whose first argument is a slot: that of the process which walked into the ambush."""


@dataclass(eq=False)
class Ambush:
    """What happens to whom; a situation must have been seen `patience` times before."""

    where: str
    what: str
    args: tuple[Any, ...]
    patience: int = 0


class Ambushes:
    """Events that happen as soon as some process is at a certain call, or in a situation."""

    def __init__(self, director: "Director", environment: "Environment") -> None:
        self._director, self._environment = director, environment
        self._waiting: list[Ambush] = []

    def ambush(self, call: str, what: str, *args: Any) -> None:
        """Lie in wait for the next process that makes this call."""
        self._waiting.append(Ambush(call, what, args))

    def lurk(self, situation: str, patience: int, what: str, *args: Any) -> None:
        """Lie in wait for a situation, and let it last for some steps before striking."""
        self._waiting.append(Ambush(situation, what, args, patience))

    def spring(self) -> None:
        """Strike whoever walked into an ambush."""
        for each in list(self._waiting):
            victim = self._victim(each.where)
            if victim is None:
                continue
            each.patience -= 1
            if each.patience < 0:
                self._waiting.remove(each)
                self._strike(each, victim)

    def _strike(self, ambush: Ambush, victim: Process) -> None:
        self._environment.scheduler.note(f"** {victim.name}: {ambush.where}")
        slot = (victim.slot,) if ambush.what in STRIKE_A_PROCESS else ()
        self._director.happen(ambush.what, *slot, *ambush.args)

    def _victim(self, where: str) -> Process | None:
        if where in SITUATIONS:
            return SITUATIONS[where](self._environment)
        every = (each for each in self._environment.scheduler.parked if each.call == where)
        awake = (each.process for each in every if each.process.is_awake)
        return next((each for each in awake if each in self._environment.live), None)
