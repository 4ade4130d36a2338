"""What happens in a history beside the schedule: requests, cycles and faults, by the seed."""

from collections.abc import Sequence
from random import Random

from tests.simulation.event import Event, Plan
from tests.simulation.policy import FAULTY, GOOD, IGNORES_SIGTERM, NEWER, SOUND, STOPS_SLOWLY
from tests.simulation.surroundings import cycle
from tests.simulation.themes import THEMES
from tests.simulation.vocabulary import GAMES, KINDS, Theme

FIRST = (*(GOOD,) * 8, STOPS_SLOWLY, IGNORES_SIGTERM)
ONLY_SOUND = 0.4
"""How often a history asks for sound images only, so that nothing may fail in it."""


def make_plan(seed: int, themes: Sequence[Theme] = THEMES) -> Plan:
    """Draw the plan of the history with this seed, which one of these themes strikes."""
    random = Random(f"plan {seed}")  # noqa: S311 - a history, not a secret
    events = list(_requests(random, only_sound=random.random() < ONLY_SOUND))
    horizon = events[-1].at + 60
    for make in random.choice(themes):
        events += make(random, random.randrange(horizon))
    for _ in range(random.randrange(4)):
        events += cycle(random, random.randrange(horizon))
    return sorted(events, key=lambda event: event.at)


def _requests(random: Random, *, only_sound: bool) -> list[Event]:
    at, count = 0, random.randrange(2, 7)
    events = []
    for number in range(count):
        kind = "start" if number == 0 else random.choice(KINDS)
        game = "g1" if number == 0 else random.choice(GAMES)
        first = number == 0 and random.random() < 0.8
        image = random.choice(FIRST) if first else _image(random, only_sound=only_sound)
        source = random.choice(("gm_rest", "gm_rest", "lobby_stream"))
        events.append(Event(at, "request", (random.randrange(2), kind, game, image, source)))
        if random.random() < 0.08:
            events.append(Event(at + random.randrange(40), "disconnect", (number,)))
        at += random.choice((0, 5, 20, 45, 70)) + random.randrange(10)
    return sorted(events, key=lambda event: event.at)


def _image(random: Random, *, only_sound: bool) -> str:
    kind = random.random()
    if kind < 0.5:
        return random.choice((GOOD, NEWER))
    return random.choice(SOUND if only_sound or kind < 0.65 else FAULTY)
