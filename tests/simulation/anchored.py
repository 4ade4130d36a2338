"""What waits for a situation and strikes then: a fault on an idle host would show nothing."""

from collections.abc import Sequence
from random import Random

from tests.simulation.event import Event
from tests.simulation.policy import DIES_AT_ONCE, GOOD, LEASE_TTL, NEVER_ANSWERS, REFUSED
from tests.simulation.situations import (
    A_GAME_IS_STOPPED,
    A_GATE_IS_WATCHED,
    AN_ENGINE_RUNS,
    AN_OPERATION_IS_OPEN,
)
from tests.simulation.vocabulary import CHANGES, jump

What = tuple[object, ...]
"""An event's kind and its arguments."""

OF_AN_ENGINE = (
    *("crash", "oom", "kill", "vanish", "stop", "leave", "rename", "recreate"),
    *("unstamp", "unlabel", "forget_image", "mute"),
)
OF_A_STOPPED_ONE = ("start", "start", "start", "vanish", "recreate", "rename", "unstamp")
OPEN_ONES = (AN_OPERATION_IS_OPEN, AN_OPERATION_IS_OPEN, A_GATE_IS_WATCHED)


def engine_befallen(random: Random, at: int) -> list[Event]:
    """Let strangers do something to an engine that runs in peace, and reconcile."""
    what = ("mishap", random.choice(OF_AN_ENGINE), random.random())
    return [_lurk(random, at, AN_ENGINE_RUNS, *what), *_reconciled(random, at)]


def stopped_one_befallen(random: Random, at: int) -> list[Event]:
    """Let strangers do something to a stopped game's container, and reconcile."""
    what = ("mishap", random.choice(OF_A_STOPPED_ONE), random.random())
    return [
        *_started(random, at, "stop", GOOD),
        _lurk(random, at + 1, A_GAME_IS_STOPPED, *what),
        *_reconciled(random, at + 60),
    ]


def retention_over(random: Random, at: int) -> list[Event]:
    """Let a stopped game's container stay for a while, and look for old ones then."""
    waits = [("wait", random.choice((150.0, 299.0, 400.0, 400.0))) for _ in range(2)]
    looks = [("cycle", random.randrange(2), "expire") for _ in range(2)]
    return [
        *_started(random, at, "stop", GOOD),
        *[
            Event(at + 1, "lurk", (A_GAME_IS_STOPPED, patience, *what))
            for patience, what in zip((0, 1, 60, 61), _in_turn(waits, looks), strict=True)
        ],
    ]


def cleaned_up_beside_another(random: Random, at: int) -> list[Event]:
    """Clean one of two stopped games up."""
    life = (("start", "g2"), ("start", "g1"), ("stop", "g2"), ("stop", "g1"))
    return [
        Event(at + 45 * number, "request", (random.randrange(2), *what, GOOD, "gm_rest"))
        for number, what in enumerate((*life, ("cleanup_container", random.choice(("g1", "g2")))))
    ]


def work_befallen(random: Random, at: int) -> list[Event]:
    """Let strangers do something to a container that an operation is about."""
    what = ("mishap", random.choice((*OF_AN_ENGINE, "start")), random.random())
    return [_lurk(random, at, random.choice(OPEN_ONES), *what), *_reconciled(random, at)]


def ended_at_work(random: Random, at: int) -> list[Event]:
    """Kill a process that carries an operation out, or let it stall until its lease is over."""
    what = random.choice(
        (
            ("kill", random.randrange(80), jump(random)),
            ("stall", random.randrange(5, 90), LEASE_TTL + 1),
            ("shutdown", random.choice((0.0, 1.0)), random.choice((0, 9)), random.randrange(60)),
        )
    )
    return [_lurk(random, at, random.choice(OPEN_ONES), *what)]


def host_restarted(random: Random, at: int) -> list[Event]:
    """Restart the Docker host while engines run or operations are open."""
    situation = random.choice((AN_ENGINE_RUNS, *OPEN_ONES))
    restart = ("host_restart", random.randrange(2, 40), jump(random))
    return [_lurk(random, at, situation, *restart), *_reconciled(random, at)]


def name_taken(random: Random, at: int) -> list[Event]:
    """Let a stranger take an engine's name while the game is replaced, or at rest."""
    situation = random.choice((*OPEN_ONES, AN_ENGINE_RUNS, A_GAME_IS_STOPPED))
    return [_lurk(random, at, situation, "squat", "name", "g1"), *_reconciled(random, at)]


def refused_on_the_way_back(random: Random, at: int) -> list[Event]:
    """Let Docker refuse a call again and again from the moment that a bad patch is watched."""
    call, image = random.choice(CHANGES[1:]), random.choice((DIES_AT_ONCE, NEVER_ANSWERS, REFUSED))
    stubborn = ("stubborn", call, random.randrange(50, 400), 0.0)
    return [
        *_started(random, at, "patch", image),
        Event(at + 1, "ambush", ("host.rename:done", *stubborn)),
    ]


def _started(random: Random, at: int, then: str, image: str) -> list[Event]:
    """Start the game, and send another request as soon as its engine runs."""
    request = ("request", random.randrange(2), then, "g1", image, "gm_rest")
    return [
        Event(at, "request", (random.randrange(2), "start", "g1", GOOD, "gm_rest")),
        Event(at + 1, "lurk", (AN_ENGINE_RUNS, 0, *request)),
    ]


def _in_turn(first: Sequence[What], second: Sequence[What]) -> list[What]:
    return [each for pair in zip(first, second, strict=True) for each in pair]


def _lurk(random: Random, at: int, situation: str, what: str, *args: object) -> Event:
    patience = random.randrange(3) if situation == A_GATE_IS_WATCHED else random.randrange(30)
    return Event(at, "lurk", (situation, patience, what, *args))


def _reconciled(random: Random, at: int) -> list[Event]:
    """Reconcile some times, soon and later: what strikes may wait long for its situation."""
    return [Event(at + later, "cycle", (random.randrange(2), "reconcile")) for later in (60, 140)]
