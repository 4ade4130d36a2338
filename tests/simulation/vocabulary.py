"""What events of a plan are made of."""

from collections.abc import Callable, Sequence
from random import Random

from tests.simulation.event import Event
from tests.simulation.policy import GOOD, LEASE_TTL, NEWER, STOPS_SLOWLY

GAMES = ("g1", "g1", "g1", "g1", "g2")
KINDS = ("start", "start", "stop", "restart", "patch", "patch", "cleanup_container")
CHANGES = ("create", "start", "stop", "rename", "remove")
POINTS = (
    *(f"host.{each}" for each in CHANGES),
    *(f"host.{each}:done" for each in CHANGES),
    *("docker.works", "docker.works", "host.pull", "probe.check", "directories.prepare"),
    *("store.begin", "store.begin:done", "store.save", "store.save:done", "store.take_over:done"),
    *("store.finish", "store.finish:done", "lease.acquire:done", "lease.release"),
)
"""Calls at which processes are lain in wait for."""

Make = Callable[[Random, int], list[Event]]
Theme = Sequence[Make]


def jump(random: Random) -> float:
    """Draw how many seconds pass at once."""
    return random.choice((0.0, 0.0, 5.0, LEASE_TTL + 1))


def meanwhile(random: Random, at: int, slot: int) -> list[Event]:
    """Let a process work on the game, now and some time later."""
    image = random.choice((NEWER, NEWER, GOOD, STOPS_SLOWLY))
    return [
        Event(at + delay, "request", (slot, random.choice(KINDS[2:]), "g1", image, "gm_rest"))
        for delay in (1, random.randrange(20, 80))
    ]
