"""Events that fail processes, the services that they depend on, and their calls."""

from random import Random

from tests.simulation.events import CHANGES, FAULT_POINTS, Event, jump, meanwhile
from tests.simulation.policy import (
    ANSWERS_LATE,
    DIES_AT_ONCE,
    FAULTY,
    GOOD,
    LEASE_TTL,
    NEVER_ANSWERS,
    NEWER,
)

WANTED = (
    *("", "", ":done", "host.", "host.inspect", "host.named", "host.containers_of", "probe."),
    *("store.", "store.save", "store.finish", "store.finish:done", "store.begin", "lease."),
    *("store.take_over", "store.hand_over", "lease.acquire", "lease.release", "records."),
)
"""Calls to fail, by a part of their name; an empty name stands for the next call."""
_OF_A_PATCH = (
    *(("start", 0), ("start", 1), ("start", 1), ("stop", 0), ("stop", 0)),
    *(("rename", 0), ("rename", 1), ("create", 0), ("remove", 0)),
)
"""The calls of a patch that fails, and how many calls of the same name precede each."""


def kill(random: Random, at: int) -> list[Event]:
    """Kill a process."""
    return [Event(at, "kill", (random.randrange(2), random.randrange(80), jump(random)))]


def shutdown(random: Random, at: int) -> list[Event]:
    """Ask a process to shut down."""
    return [Event(at, "shutdown", (random.randrange(2), *_end(random)))]


def stall(random: Random, at: int) -> list[Event]:
    """Suspend a process while the other one works."""
    slot = random.randrange(2)
    seconds = random.choice((1.0, LEASE_TTL + 1, LEASE_TTL + 1, LEASE_TTL + 1))
    stalled = Event(at, "stall", (slot, random.randrange(5, 90), seconds))
    return [stalled, *meanwhile(random, at, 1 - slot)]


def stalled_rollback(random: Random, at: int) -> list[Event]:
    """Stall a process while it rolls back a patch, and wake it up during another patch."""
    slot, stalled_at = random.randrange(2), at + random.randrange(20, 60)
    patch = Event(at, "request", (slot, "patch", "g1", random.choice(FAULTY), "gm_rest"))
    stalled = Event(stalled_at, "stall", (slot, random.randrange(30, 90), LEASE_TTL + 1))
    return [patch, stalled, *meanwhile(random, stalled_at, 1 - slot)]


def process_fault_at_call(random: Random, at: int) -> list[Event]:
    """End or suspend a process at a certain call."""
    what = random.choice(("kill", "kill", "shutdown", "shutdown", "stall"))
    args: tuple[object, ...]
    match what:
        case "kill":
            args = (random.randrange(80), jump(random))
        case "shutdown":
            args = _end(random)
        case _:
            args = (random.randrange(5, 90), LEASE_TTL + 1)
    event = Event(at, "at_call", (random.choice(FAULT_POINTS), what, *args))
    return [event, *meanwhile(random, at, random.randrange(2))]


def outage_at_call(random: Random, at: int) -> list[Event]:
    """Cut a service off or flush Redis at a certain call."""
    what, *args = random.choice(
        (
            ("cut", "postgres", random.randrange(5, 40), random.choice((0.0, 1.0, LEASE_TTL))),
            ("cut", "docker", random.randrange(5, 40), random.choice((0.0, 1.0, LEASE_TTL))),
            ("cut", "redis", random.randrange(5, 40), random.choice((0.0, LEASE_TTL + 1))),
            ("flush",),
        )
    )
    event = Event(at, "at_call", (random.choice(FAULT_POINTS), what, *args))
    return [event, *meanwhile(random, at + 10, random.randrange(2))]


def at_the_gate(random: Random, at: int) -> list[Event]:
    """End the process while it watches the gate of a patched engine, or keep it from probing."""
    slot = random.randrange(2)
    image = random.choice((NEWER, NEVER_ANSWERS, ANSWERS_LATE))
    what = random.choice(
        (
            ("cut", "docker", random.randrange(2, 12), random.choice((0.0, 3.0))),
            ("no_descriptors", random.randrange(2, 30)),
            ("kill", random.randrange(20), LEASE_TTL + 1),
            ("shutdown", 0.0, 0, random.randrange(20)),
        )
    )
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 45, "request", (slot, "patch", "g1", image, "gm_rest")),
        Event(at + 90, "at_call", ("probe.check:done", *what)),
        Event(at + 160, "cycle", (1 - slot, "reconcile")),
    ]


def late_in_a_patch(random: Random, at: int) -> list[Event]:
    """Delay one call of a patch until others have resumed the patch and gone further."""
    slot = random.randrange(2)
    call, earlier = random.choice(_OF_A_PATCH)
    image = random.choice((NEWER, DIES_AT_ONCE, DIES_AT_ONCE, NEVER_ANSWERS))
    after = random.choice(("stop", "stop", "restart", "patch"))
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        *[Event(at + 60, "fate", (call, "normal", 0.0))] * earlier,
        Event(at + 61, "fate", (call, "late", random.choice((5.0, 40.0, LEASE_TTL + 30)))),
        Event(at + 62, "request", (slot, "patch", "g1", image, "gm_rest")),
        Event(at + 200, "cycle", (1 - slot, "reconcile")),
        Event(at + 340, "request", (1 - slot, after, "g1", NEWER, "gm_rest")),
        Event(at + 440, "wait", (LEASE_TTL + 40,)),
        Event(at + 450, "cycle", (1 - slot, "reconcile")),
    ]


def outcome_lost(random: Random, at: int) -> list[Event]:
    """Let Postgres fail exactly when the outcome is written, several times in a row."""
    wanted = random.choice(("store.finish", "store.finish:done", "store.save"))
    return [Event(at, "lose", (wanted, 0))] * random.randrange(1, 6)


def cut(random: Random, at: int) -> list[Event]:
    """Cut off a service."""
    service = random.choice(("docker", "docker", "postgres", "redis"))
    return [Event(at, "cut", (service, random.randrange(1, 60), jump(random)))]


def lose(random: Random, at: int) -> list[Event]:
    """Lose a call or its reply."""
    return [Event(at, "lose", (random.choice(WANTED), int(random.random() < 0.15)))]


def lose_in_docker(random: Random, at: int) -> list[Event]:
    """Lose a call that changes something in Docker, or its reply."""
    fate = random.choice(("lose_reply", "lose_reply", "lose_call"))
    return [Event(at, "fate", (random.choice(CHANGES), fate, 0.0))]


def late(random: Random, at: int) -> list[Event]:
    """Let a call that changes something in Docker take effect late."""
    seconds = random.choice((0.05, 0.5, 5.0, 40.0, LEASE_TTL + 10, LEASE_TTL + 40))
    call = random.choice((*CHANGES, "pull"))
    event = Event(at, "fate", (call, "late", seconds))
    return [event, *meanwhile(random, at + random.randrange(30), random.randrange(2))]


def refuse(random: Random, at: int) -> list[Event]:
    """Let Docker refuse a call, before or after its effect."""
    fate = random.choice(("refuse_before", "refuse_after"))
    return [Event(at, "fate", (random.choice((*CHANGES, "")), fate, 0.0))]


def refuse_for_a_while(random: Random, at: int) -> list[Event]:
    """Let Docker refuse all calls of one name for a while, during a patch to a faulty engine."""
    call, slot = random.choice(CHANGES), random.randrange(2)
    patch = Event(at, "request", (slot, "patch", "g1", random.choice(FAULTY), "gm_rest"))
    event = Event(at + random.randrange(40), "refuse_all", (call, random.randrange(20, 200), 0.0))
    return [patch, event]


def flush(random: Random, at: int) -> list[Event]:
    """Flush Redis while both processes work."""
    return [
        *meanwhile(random, at - min(at, 15), 0),
        Event(at, "flush", ()),
        *meanwhile(random, at, 1),
    ]


def _end(random: Random) -> tuple[float, int, int]:
    """Draw the limit of a shutdown, the steps until it is cut short, and until another starts."""
    limit = random.choice((0.0, 0.01, 1.0, 10.0))
    return limit, random.choice((0, 0, 0, random.randrange(3, 30))), random.randrange(60)
