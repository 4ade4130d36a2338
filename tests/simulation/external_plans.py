"""Events around the service: interference by others, clocks, restores, and the service's cycles."""

from collections.abc import Sequence
from random import Random

from tests.simulation.events import CHANGES, FAULT_POINTS, GAMES, KINDS, Event, jump
from tests.simulation.policy import DIES_AT_ONCE, GOOD, LEASE_TTL, NEVER_ANSWERS, NEWER, REFUSED
from tests.simulation.triggers import (
    A_GAME_IS_STOPPED,
    A_GATE_IS_WATCHED,
    AN_ENGINE_RUNS,
    AN_OPERATION_IS_OPEN,
)

CYCLES = ("reconcile", "reconcile", "probe", "probe", "inspect", "expire")
INTERFERENCES = (
    *("crash", "oom", "kill", "vanish", "start", "mute", "speak", "ail", "restarts"),
    *("stop", "leave", "rename", "recreate", "unstamp", "unlabel", "forget_image", "start"),
)


def interfere_at_call(random: Random, at: int) -> list[Event]:
    """Let others change a container when a certain call is made."""
    what = (random.choice(("start", "start", *INTERFERENCES)), random.random())
    return [Event(at, "at_call", (random.choice(FAULT_POINTS), "interfere", *what))]


def started_by_hand(random: Random, at: int) -> list[Event]:
    """Let somebody start the old engine while it is being replaced or cleaned up."""
    slot = random.randrange(2)
    first, second = random.choice((("stop", "cleanup_container"), ("hint", "restart")))
    point = random.choice(("store.begin:done", "host.named", "host.stop:done", "host.create:done"))
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 50, "request", (slot, first, "g1", GOOD, "gm_rest"))
        if first == "stop"
        else Event(at + 50, "hint", (slot, "g1", "die")),
        Event(at + 90, "request", (slot, second, "g1", GOOD, "gm_rest")),
        Event(at + 95 + random.randrange(20), "at_call", (point, "interfere", "start", 0.0)),
    ]


def leftover_refused(random: Random, at: int) -> list[Event]:
    """Leave a stale container that Docker refuses to remove, and reconcile again and again."""
    copied = Event(at, "interfere", ("recreate", random.random()))
    refused = Event(at, "refuse_all", (random.choice(("remove", "rename", "stop")), 900, 0.0))
    waits = [Event(at + 20 * each, "wait", (12.0,)) for each in range(12)]
    cycles = [Event(at + 20 * each + 1, "cycle", (0, "reconcile")) for each in range(12)]
    return [copied, refused, Event(at + 1, "wait", (LEASE_TTL + 1,)), *waits, *cycles]


def clock(random: Random, at: int) -> list[Event]:
    """Let a clock step, usually backwards."""
    seconds = random.choice((-3600.0, -5.0, 5.0, 3600.0))
    if random.random() < 0.3:
        return [Event(at, "lease_clock", (seconds,)), Event(at, "flush", ())]
    return [Event(at, "clock", (random.randrange(3), seconds))]


def no_descriptors(random: Random, at: int) -> list[Event]:
    """Let a process run out of file descriptors."""
    return [Event(at, "no_descriptors", (random.randrange(2), random.randrange(20, 60)))]


def interfere(random: Random, at: int) -> list[Event]:
    """Let others change a container."""
    return [Event(at, "interfere", (random.choice(INTERFERENCES), random.random()))]


def foreign_container(random: Random, at: int) -> list[Event]:
    """Let others take the engine's name, or run another installation on the same host."""
    return [Event(at, "foreign_container", (random.choice(("name", "name", "prefix")), "g1"))]


def take_away(random: Random, at: int) -> list[Event]:
    """Make something unavailable for a while."""
    kind = random.choice(("image", "network", "directory", "registry"))
    which = random.choice((GOOD, NEWER)) if kind == "image" else "g1"
    return [Event(at, "take_away", (kind, which, random.randrange(5, 90)))]


def host_restart(random: Random, at: int) -> list[Event]:
    """Restart the Docker host."""
    return [Event(at, "host_restart", (random.randrange(2, 40), jump(random)))]


def restore(random: Random, at: int) -> list[Event]:
    """Restore the database from a backup of some time ago."""
    back = random.randrange(10, 120)
    return [
        Event(max(at - back, 0), "backup", ()),
        Event(at, "restore", (random.randrange(2, 30),)),
        *[Event(at + 40 + 30 * each, "request", _any(random)) for each in range(2)],
    ]


def mute(random: Random, at: int) -> list[Event]:
    """Make an engine stop answering."""
    return [Event(at, "interfere", ("mute", random.random()))]


def speak(random: Random, at: int) -> list[Event]:
    """Make an engine answer again."""
    return [Event(at, "interfere", ("speak", random.random()))]


def probe(random: Random, at: int) -> list[Event]:
    """Run a probe cycle."""
    return [Event(at, "cycle", (random.randrange(2), "probe"))]


def reconcile(random: Random, at: int) -> list[Event]:
    """Run a reconciliation."""
    return [Event(at, "cycle", (random.randrange(2), "reconcile"))]


def hint(random: Random, at: int) -> list[Event]:
    """Send a process a Docker event about a game."""
    action = random.choice(("die", "destroy", "start", "oom", "rename"))
    return [Event(at, "hint", (random.randrange(2), random.choice(GAMES), action))]


def cycle(random: Random, at: int) -> list[Event]:
    """Run some cycle."""
    return [Event(at, "cycle", (random.randrange(2), random.choice(CYCLES)))]


def wait(random: Random, at: int) -> list[Event]:
    """Let time pass."""
    return [Event(at, "wait", (random.choice((1.0, 25.0, LEASE_TTL + 1, 400.0)),))]


def _any(random: Random) -> tuple[object, ...]:
    return random.randrange(2), random.choice(KINDS), "g1", random.choice((GOOD, NEWER)), "gm_rest"


# Faults that wait for a situation: on an idle host they would have no effect.

What = tuple[object, ...]
"""An event's kind and its arguments."""

OF_AN_ENGINE = (
    *("crash", "oom", "kill", "vanish", "stop", "leave", "rename", "recreate"),
    *("unstamp", "unlabel", "forget_image", "mute"),
)
OF_A_STOPPED_GAME = ("start", "start", "start", "vanish", "recreate", "rename", "unstamp")
OPEN_OPERATIONS = (AN_OPERATION_IS_OPEN, AN_OPERATION_IS_OPEN, A_GATE_IS_WATCHED)


def interfere_with_engine(random: Random, at: int) -> list[Event]:
    """Let others change an engine that no operation works on, and reconcile."""
    what = ("interfere", random.choice(OF_AN_ENGINE), random.random())
    return [_when(random, at, AN_ENGINE_RUNS, *what), *_reconciled(random, at)]


def interfere_with_stopped_game(random: Random, at: int) -> list[Event]:
    """Let others change a stopped game's container, and reconcile."""
    what = ("interfere", random.choice(OF_A_STOPPED_GAME), random.random())
    return [
        *_started(random, at, "stop", GOOD),
        _when(random, at + 1, A_GAME_IS_STOPPED, *what),
        *_reconciled(random, at + 60),
    ]


def retention_over(random: Random, at: int) -> list[Event]:
    """Keep a stopped game's container past its retention, then run the cleanup."""
    waits = [("wait", random.choice((150.0, 299.0, 400.0, 400.0))) for _ in range(2)]
    looks = [("cycle", random.randrange(2), "expire") for _ in range(2)]
    return [
        *_started(random, at, "stop", GOOD),
        *[
            Event(at + 1, "in_situation", (A_GAME_IS_STOPPED, patience, *what))
            for patience, what in zip((0, 1, 60, 61), _in_turn(waits, looks), strict=True)
        ],
    ]


def clean_up_one_of_two(random: Random, at: int) -> list[Event]:
    """Clean up one of two stopped games."""
    life = (("start", "g2"), ("start", "g1"), ("stop", "g2"), ("stop", "g1"))
    return [
        Event(at + 45 * number, "request", (random.randrange(2), *what, GOOD, "gm_rest"))
        for number, what in enumerate((*life, ("cleanup_container", random.choice(("g1", "g2")))))
    ]


def interfere_with_operation(random: Random, at: int) -> list[Event]:
    """Let others change a container that an operation is about."""
    what = ("interfere", random.choice((*OF_AN_ENGINE, "start")), random.random())
    return [_when(random, at, random.choice(OPEN_OPERATIONS), *what), *_reconciled(random, at)]


def end_in_operation(random: Random, at: int) -> list[Event]:
    """Kill a process that runs an operation, or stall it until its lease has expired."""
    what = random.choice(
        (
            ("kill", random.randrange(80), jump(random)),
            ("stall", random.randrange(5, 90), LEASE_TTL + 1),
            ("shutdown", random.choice((0.0, 1.0)), random.choice((0, 9)), random.randrange(60)),
        )
    )
    return [_when(random, at, random.choice(OPEN_OPERATIONS), *what)]


def host_restarted(random: Random, at: int) -> list[Event]:
    """Restart the Docker host while engines run or operations are open."""
    situation = random.choice((AN_ENGINE_RUNS, *OPEN_OPERATIONS))
    restart = ("host_restart", random.randrange(2, 40), jump(random))
    return [_when(random, at, situation, *restart), *_reconciled(random, at)]


def name_taken(random: Random, at: int) -> list[Event]:
    """Let others take an engine's name while the game is being replaced or is idle."""
    situation = random.choice((*OPEN_OPERATIONS, AN_ENGINE_RUNS, A_GAME_IS_STOPPED))
    return [
        _when(random, at, situation, "foreign_container", "name", "g1"),
        *_reconciled(random, at),
    ]


def refused_in_rollback(random: Random, at: int) -> list[Event]:
    """Let Docker refuse a call again and again once a bad patch is at its health gate."""
    call, image = random.choice(CHANGES[1:]), random.choice((DIES_AT_ONCE, NEVER_ANSWERS, REFUSED))
    refusals = ("refuse_all", call, random.randrange(50, 400), 0.0)
    return [
        *_started(random, at, "patch", image),
        Event(at + 1, "at_call", ("host.rename:done", *refusals)),
    ]


def _started(random: Random, at: int, then: str, image: str) -> list[Event]:
    """Start the game, and send another request as soon as its engine runs."""
    request = ("request", random.randrange(2), then, "g1", image, "gm_rest")
    return [
        Event(at, "request", (random.randrange(2), "start", "g1", GOOD, "gm_rest")),
        Event(at + 1, "in_situation", (AN_ENGINE_RUNS, 0, *request)),
    ]


def _in_turn(first: Sequence[What], second: Sequence[What]) -> list[What]:
    return [each for pair in zip(first, second, strict=True) for each in pair]


def _when(random: Random, at: int, situation: str, what: str, *args: object) -> Event:
    patience = random.randrange(3) if situation == A_GATE_IS_WATCHED else random.randrange(30)
    return Event(at, "in_situation", (situation, patience, what, *args))


def _reconciled(random: Random, at: int) -> list[Event]:
    """Reconcile twice, soon and later: a fault may wait a long time for its situation."""
    return [Event(at + later, "cycle", (random.randrange(2), "reconcile")) for later in (60, 140)]
