"""What a plan leaves to the service alone, and what may be demanded of it therefore."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.simulation.event import Event
from tests.simulation.faults import REFUSALS
from tests.simulation.policy import DIES_SOON, FAULTY

_HARMLESS = {
    *("request", "disconnect", "cycle", "hint", "wait", "job", "redeliver", "depose"),
    *("kill", "stall", "shutdown", "cut", "lose", "fate", "flush", "ambush", "clock", "numb"),
    *("late call", "suspend", "lurk"),
}
"""What alone fails no operation: nobody refuses anything, and no stranger is about."""
_LATE = {
    *("stall", "suspend", "late call", "flush"),
    *("mishap", "squat", "take_away", "restore", "host_restart"),
}
"""What changes engines behind the service's back, or lets its own calls come late."""
_LOSSES = {"kill", "stall", "suspend", "cut", "lose", "flush", "restore"}

_UNPUNCTUAL = {"stall", "suspend", "late call", "flush", "restore"}
"""What lets a process act that has lost its lease, or a call come when others have gone on."""

_DEADLY = {"mishap", "squat", "take_away", "restore", "host_restart", "refusal", "stubborn"}
"""What ends engines, or keeps the service from bringing them back."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What holds in one history.

    `undisturbed`: nothing but the service changes engines, and no call of it comes late. `calm`:
    beyond that every call to Docker that is made gets its true answer. `innocent`: there may be
    deaths, outages, lost and late calls, but nothing is refused. `lossless`: no process dies
    without having handed over. `immortal`: engines end only when the service ends them, and then it
    knows. `punctual`: nobody acts on what was so long ago. `unrefused`: Docker refuses nothing
    but faulty images. `clocks_step`: what is young by one clock may be old by another.
    """

    undisturbed: bool = False
    calm: bool = False
    innocent: bool = False
    lossless: bool = False
    immortal: bool = False
    punctual: bool = False
    unrefused: bool = False
    clocks_step: bool = True


NOTHING_SPECIAL = Expectation()


def expect(plan: Sequence[Event]) -> Expectation:
    """Return what may be demanded in a history with this plan."""
    happens = {kind for event in plan for kind in _kinds(event)}
    texts = {text for event in plan for text in event.args if isinstance(text, str)}
    undisturbed = not happens & _LATE and not texts & {"redis", DIES_SOON}
    return Expectation(
        undisturbed=undisturbed,
        calm=undisturbed and not happens & {"lose", "cut", "fate", "stubborn"},
        innocent=happens <= _HARMLESS and not texts & set(FAULTY),
        lossless=not happens & _LOSSES,
        immortal=not happens & _DEADLY and DIES_SOON not in texts,
        punctual=not happens & _UNPUNCTUAL and "redis" not in texts,
        unrefused=not happens & {"refusal", "stubborn", "take_away", "squat"},
        clocks_step="clock" in happens,
    )


def _kinds(event: Event) -> Iterator[str]:
    """Return what happens, and what makes more of it than its name says."""
    yield event.what
    match event.what:
        case "ambush":
            yield event.args[1]
            if event.args[1] == "shutdown" and event.args[3]:
                yield "kill"
        case "lurk":
            yield event.args[2]
            if event.args[2] == "shutdown" and event.args[4]:
                yield "kill"
        case "shutdown" if event.args[2]:
            yield "kill"
        case "fate" if event.args[1] == "late":
            yield "late call"
        case "fate" if event.args[1] in REFUSALS:
            yield "refusal"
        case "lose" if event.args[1] == 1:
            yield "refusal"
