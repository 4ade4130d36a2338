"""What happens in a history beside the schedule: requests, cycles and faults, by the seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.policy import DIES_SOON, FAULTY, GOOD, LEASE_TTL, NEWER, SOUND

GAMES = ("g1", "g1", "g1", "g1", "g2")
KINDS = ("start", "start", "stop", "restart", "patch", "patch", "cleanup")
CYCLES = ("reconcile", "reconcile", "probe", "probe", "inspect", "expire")
MISHAPS = ("crash", "oom", "kill", "vanish", "start", "mute", "speak", "ail", "restarts")
WANTED = (
    *("", "", ":done", "engine.", "engine.", "engine.", "store.", "store.finish", "lease."),
    *("engine.create", "engine.start", "engine.stop", "engine.rename", "engine.remove"),
)
"""Calls that faults look for, by a part of their name; an empty one means the next call."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens once the scheduler has made `at` steps."""

    at: int
    what: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return f"at {self.at}: {self.what}{self.args}"


Plan = Sequence[Event]


def make_plan(seed: int) -> Plan:
    """Draw the plan of the history with this seed."""
    random = Random(f"plan {seed}")  # noqa: S311 - a history, not a secret
    events = list(_requests(random))
    horizon = events[-1].at + 60
    for make in random.choice(_THEMES):
        events += make(random, random.randrange(horizon))
    for _ in range(random.randrange(4)):
        events += _cycle(random, random.randrange(horizon))
    return sorted(events, key=lambda event: event.at)


def is_undisturbed(plan: Plan) -> bool:
    """Tell whether nothing but the service changes engines, and no call of it comes late."""
    disturbed = {"stall", "mishap", "ambush", "flush"}
    return not any(
        event.what in disturbed or "redis" in event.args or DIES_SOON in event.args
        for event in plan
    )


def is_calm(plan: Plan) -> bool:
    """Tell whether, beyond that, every call to Docker that is made gets its true answer."""
    return is_undisturbed(plan) and not any(event.what in {"lose", "cut"} for event in plan)


def _requests(random: Random) -> list[Event]:
    at, count = 0, random.randrange(2, 7)
    events = []
    for number in range(count):
        kind = "start" if number == 0 else random.choice(KINDS)
        game = "g1" if number == 0 else random.choice(GAMES)
        image = GOOD if number == 0 and random.random() < 0.8 else _image(random)
        source = random.choice(("gm_rest", "gm_rest", "lobby_stream"))
        events.append(Event(at, "request", (random.randrange(2), kind, game, image, source)))
        if random.random() < 0.08:
            events.append(Event(at + random.randrange(40), "disconnect", (number,)))
        at += random.choice((0, 5, 20, 45, 70)) + random.randrange(10)
    return sorted(events, key=lambda event: event.at)


def _meanwhile(random: Random, at: int, slot: int) -> list[Event]:
    """Let the other process work on the game, now and while the stalled one wakes up."""
    return [
        Event(at + delay, "request", (slot, random.choice(KINDS[2:]), "g1", NEWER, "gm_rest"))
        for delay in (1, random.randrange(20, 80))
    ]


def _image(random: Random) -> str:
    kind = random.random()
    if kind < 0.6:
        return random.choice((GOOD, NEWER))
    return random.choice(SOUND if kind < 0.65 else FAULTY)


def _kill(random: Random, at: int) -> list[Event]:
    return [Event(at, "kill", (random.randrange(2), random.randrange(80), _jump(random)))]


def _stall(random: Random, at: int) -> list[Event]:
    jump = random.choice((1.0, LEASE_TTL + 1, LEASE_TTL + 1, LEASE_TTL + 1))
    slot = random.randrange(2)
    stall = Event(at, "stall", (slot, random.randrange(5, 90), jump))
    return [stall, *_meanwhile(random, at, 1 - slot)]


def _stalled_undo(random: Random, at: int) -> list[Event]:
    """Let a process stall while it undoes a patch or restart, and wake up in another's."""
    slot, stalled_at = random.randrange(2), at + random.randrange(20, 50)
    patch = Event(at, "request", (slot, "patch", "g1", random.choice(FAULTY), "gm_rest"))
    stall = Event(stalled_at, "stall", (slot, random.randrange(30, 90), LEASE_TTL + 1))
    return [patch, stall, *_meanwhile(random, stalled_at, 1 - slot)]


def _cut(random: Random, at: int) -> list[Event]:
    service = random.choice(("docker", "docker", "postgres", "redis"))
    return [Event(at, "cut", (service, random.randrange(1, 60), _jump(random)))]


def _lose(random: Random, at: int) -> list[Event]:
    return [Event(at, "lose", (random.choice(WANTED), random.randrange(3)))]


def _mishap(random: Random, at: int) -> list[Event]:
    return [Event(at, "mishap", (random.choice(MISHAPS), random.random()))]


def _mute(random: Random, at: int) -> list[Event]:
    return [Event(at, "mishap", ("mute", random.random()))]


def _speak(random: Random, at: int) -> list[Event]:
    return [Event(at, "mishap", ("speak", random.random()))]


def _probe(random: Random, at: int) -> list[Event]:
    return [Event(at, "cycle", (random.randrange(2), "probe"))]


def _reconcile(random: Random, at: int) -> list[Event]:
    return [Event(at, "cycle", (random.randrange(2), "reconcile"))]


def _hint(random: Random, at: int) -> list[Event]:
    action = random.choice(("die", "destroy", "start", "oom", "rename"))
    return [Event(at, "hint", (random.randrange(2), random.choice(GAMES), action))]


def _cycle(random: Random, at: int) -> list[Event]:
    return [Event(at, "cycle", (random.randrange(2), random.choice(CYCLES)))]


def _pass(random: Random, at: int) -> list[Event]:
    return [Event(at, "pass", (random.choice((1.0, 25.0, LEASE_TTL + 1, 400.0)),))]


def _jump(random: Random) -> float:
    return random.choice((0.0, 0.0, 5.0, LEASE_TTL + 1))


_Make = Callable[[Random, int], list[Event]]
_THEMES: Sequence[Sequence[_Make]] = (
    (_hint, _hint, _cycle, _cycle, _cycle, _pass),
    (_kill,),
    (_kill, _kill, _lose),
    (_kill, _cut, _pass),
    (_lose,),
    (_lose, _lose),
    (_lose, _lose, _lose, _lose),
    (_cut,),
    (_cut, _cut, _hint),
    (_stall,),
    (_stall, _stall, _cycle),
    (_stall, _lose, _cycle),
    (_stall, _kill, _hint),
    (_stalled_undo,),
    (_stalled_undo, _hint),
    (_mishap, _hint, _hint),
    (_mishap, _mishap, _cycle, _cycle, _pass),
    (_mishap, _cycle, _cycle, _cycle, _cycle, _cycle),
    (_mishap, _kill, _lose),
    (_mishap, _cut, _hint, _cycle),
    (_mute, *[_probe] * 8, _speak),
    (_mute, _kill, *[_probe] * 10, _speak, _mute),
    (_reconcile,) * 5,
    (_mishap, _mishap, _kill, _cut, _stall, _lose, _cycle, _hint),
)
