"""What happens in a history beside the schedule: requests, cycles and faults, by the seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.simulation.policy import FAULTY, GOOD, LEASE_TTL, NEWER, SOUND

GAMES = ("g1", "g1", "g1", "g1", "g2")
KINDS = ("start", "start", "stop", "restart", "patch", "patch", "cleanup")
CYCLES = ("reconcile", "reconcile", "probe", "probe", "inspect", "expire")
MISHAPS = ("crash", "oom", "kill", "vanish", "start", "mute", "ail", "restarts")
WANTED = ("", "", ":done", "engine.", "engine.", "engine.start", "store.finish", "engine.rename")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens once the scheduler has made `at` steps."""

    at: int
    what: str
    args: tuple[object, ...]

    def __str__(self) -> str:
        return f"at {self.at}: {self.what}{self.args}"


Plan = Sequence[Event]


def make_plan(seed: int) -> Plan:
    """Draw the plan of the history with this seed."""
    random = Random(f"plan {seed}")  # noqa: S311 - a history, not a secret
    events = list(_requests(random))
    horizon = events[-1].at + 60
    for make in random.choice(_THEMES):
        at = random.randrange(horizon)
        events.append(make(random, at))
        if make is _kill and random.random() < 0.3:
            events.append(_kill(random, at + random.randrange(90)))
    events += [_cycle(random, random.randrange(horizon)) for _ in range(random.randrange(4))]
    return sorted(events, key=lambda event: event.at)


def is_calm(plan: Plan) -> bool:
    """Tell whether nothing in the plan can keep an engine from running if the service is right."""
    return not any(event.what in {"stall", "mishap"} or "redis" in event.args for event in plan)


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


def _image(random: Random) -> str:
    kind = random.random()
    if kind < 0.6:
        return random.choice((GOOD, NEWER))
    return random.choice(SOUND if kind < 0.65 else FAULTY)


def _kill(random: Random, at: int) -> Event:
    return Event(at, "kill", (random.randrange(2), random.randrange(80), _jump(random)))


def _stall(random: Random, at: int) -> Event:
    jump = random.choice((1.0, LEASE_TTL + 1, LEASE_TTL + 1, LEASE_TTL + 1))
    return Event(at, "stall", (random.randrange(2), random.randrange(5, 90), jump))


def _cut(random: Random, at: int) -> Event:
    service = random.choice(("docker", "docker", "postgres", "redis"))
    return Event(at, "cut", (service, random.randrange(1, 60), _jump(random)))


def _lose(random: Random, at: int) -> Event:
    return Event(at, "lose", (random.choice(WANTED), random.randrange(3)))


def _mishap(random: Random, at: int) -> Event:
    return Event(at, "mishap", (random.choice(MISHAPS), random.random()))


def _hint(random: Random, at: int) -> Event:
    action = random.choice(("die", "destroy", "start", "oom", "rename"))
    return Event(at, "hint", (random.randrange(2), random.choice(GAMES), action))


def _cycle(random: Random, at: int) -> Event:
    return Event(at, "cycle", (random.randrange(2), random.choice(CYCLES)))


def _pass(random: Random, at: int) -> Event:
    return Event(at, "pass", (random.choice((1.0, 25.0, LEASE_TTL + 1, 400.0)),))


def _jump(random: Random) -> float:
    return random.choice((0.0, 0.0, 5.0, LEASE_TTL + 1))


_Make = Callable[[Random, int], Event]
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
    (_mishap, _hint, _hint),
    (_mishap, _mishap, _cycle, _cycle, _pass),
    (_mishap, _cycle, _cycle, _cycle, _cycle, _cycle),
    (_mishap, _kill, _lose),
    (_mishap, _cut, _hint, _cycle),
    (_mishap, _mishap, _kill, _cut, _stall, _lose, _cycle, _hint),
)
