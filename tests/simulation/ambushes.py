"""Lying in wait for whoever makes a certain call, so that faults strike where it matters."""

from typing import TYPE_CHECKING, Any

from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.environment import Environment

STRIKE_A_PROCESS = {"kill", "stall", "shutdown", "suspend"}
"""Events whose first argument is a slot: that of the process which walked into the ambush."""


class Ambushes:
    """Events that happen as soon as some process is at a certain call."""

    def __init__(self, director: "Director", environment: "Environment") -> None:
        self._director, self._environment = director, environment
        self._waiting: list[tuple[str, str, tuple[Any, ...]]] = []

    def ambush(self, call: str, what: str, *args: Any) -> None:
        """Lie in wait for the next process that makes this call."""
        self._waiting.append((call, what, args))

    def spring(self) -> None:
        """Strike whoever walked into an ambush."""
        for each in list(self._waiting):
            call, what, args = each
            victim = self._victim(call)
            if victim is not None:
                self._waiting.remove(each)
                self._environment.faults.struck[f"ambush {what}"] += 1
                self._environment.scheduler.note(f"** {victim.name} is at {call}")
                slot = (victim.slot,) if what in STRIKE_A_PROCESS else ()
                self._director.happen(what, *slot, *args)

    def _victim(self, call: str) -> Process | None:
        every = (each for each in self._environment.scheduler.parked if each.call == call)
        awake = (each.process for each in every if each.process.is_awake)
        return next((each for each in awake if each in self._environment.live), None)
