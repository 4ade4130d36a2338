"""The events of a plan, and what may be expected of a history with such events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from tests.simulation.faults import REFUSALS
from tests.simulation.policy import DIES_SOON, FAILING, GOOD, LEASE_TTL, NEWER, STOPS_SLOWLY


class Kind(StrEnum):
    """What runs in a history.

    PLAIN: requests and cycles. FULL: two processes with all their workers and streams. SWARM:
    requests and cycles on a Swarm, whose nodes are lost. FULL_SWARM: that with all workers.
    """

    PLAIN = "plain"
    FULL = "full"
    SWARM = "swarm"
    FULL_SWARM = "full_swarm"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once the scheduler has made `at` steps."""

    at: int
    what: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return f"at {self.at}: {self.what}{self.args}"


Plan = Sequence[Event]


GAMES = ("g1", "g1", "g1", "g1", "g2")
KINDS = ("start", "start", "stop", "restart", "patch", "patch", "cleanup_container")
CHANGES = ("create", "start", "stop", "rename", "remove")
SWARM_CHANGES = ("create_service", "update_service", "remove_service", "update_node")
FAULT_POINTS = (
    *(f"host.{each}" for each in CHANGES),
    *(f"host.{each}:done" for each in CHANGES),
    *("docker.works", "docker.works", "host.pull", "probe.check", "directories.prepare"),
    *("store.begin", "store.begin:done", "store.save", "store.save:done", "store.take_over:done"),
    *("store.finish", "store.finish:done", "lease.acquire:done", "lease.release"),
)
"""Calls at which faults are injected."""

Make = Callable[[Random, int], list[Event]]
Theme = Sequence[Make]


def jump(random: Random) -> float:
    """Draw how many seconds the clock jumps by."""
    return random.choice((0.0, 0.0, 5.0, LEASE_TTL + 1))


def meanwhile(random: Random, at: int, slot: int) -> list[Event]:
    """Make a process work on the game, now and some time later."""
    image = random.choice((NEWER, NEWER, GOOD, STOPS_SLOWLY))
    return [
        Event(at + delay, "request", (slot, random.choice(KINDS[2:]), "g1", image, "gm_rest"))
        for delay in (1, random.randrange(20, 80))
    ]


_FAILS_NOTHING = {
    *("request", "disconnect", "cycle", "hint", "wait", "job", "redeliver", "depose"),
    *("kill", "stall", "shutdown", "cut", "lose", "fate", "flush", "clock", "no_descriptors"),
    *("late call", "suspend", "at_call", "in_situation"),
}
"""Events that make no operation fail: nothing is refused, and only the service changes Docker."""
_LATE = {
    *("stall", "suspend", "late call", "flush"),
    *("interfere", "foreign_container", "take_away", "restore", "host_restart"),
    *("node_down", "power_cut", "leaderless", "misled", "give_up"),
}
"""Events that change engines behind the service's back, or delay the service's own calls."""
_LOSSES = {"kill", "stall", "suspend", "cut", "lose", "flush", "restore"}

_UNPUNCTUAL = {"stall", "suspend", "late call", "flush", "restore", "misled"}
"""Events after which a process may act without its lease, or a call may arrive too late."""

_DEADLY = {
    *("interfere", "foreign_container", "take_away", "restore", "host_restart"),
    *("refusal", "refuse_all", "node_down", "power_cut", "leaderless", "misled", "give_up"),
}
"""Events that end engines, or keep the service from restoring them."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What holds in one history.

    `undisturbed`: only the service changes engines, and none of its calls arrives late. `calm`: in
    addition, every call that reaches Docker gets its true answer. `innocent`: processes may die,
    services may be cut off, calls may be lost or late, but nothing is refused. `lossless`: no
    process dies without handing over. `immortal`: only the service ends engines, and it knows when
    it did. `punctual`: nobody acts on outdated knowledge. `unrefused`: Docker refuses nothing but
    faulty images. `clocks_step`: what is young by one clock may be old by another.
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
    """Return what may be expected of a history with this plan."""
    happens = {kind for event in plan for kind in _kinds(event)}
    texts = {text for event in plan for text in event.args if isinstance(text, str)}
    undisturbed = not happens & _LATE and not texts & {"redis", DIES_SOON}
    return Expectation(
        undisturbed=undisturbed,
        calm=undisturbed and not happens & {"lose", "cut", "fate", "refuse_all"},
        innocent=happens <= _FAILS_NOTHING and not texts & set(FAILING),
        lossless=not happens & _LOSSES,
        immortal=not happens & _DEADLY and DIES_SOON not in texts,
        punctual=not happens & _UNPUNCTUAL and "redis" not in texts,
        unrefused=not happens & {"refusal", "refuse_all", "take_away", "foreign_container"},
        clocks_step="clock" in happens,
    )


def _kinds(event: Event) -> Iterator[str]:
    """Return the kind of the event, and the kinds of the events that it causes."""
    yield event.what
    match event.what:
        case "at_call":
            yield event.args[1]
            if event.args[1] == "shutdown" and event.args[3]:
                yield "kill"
        case "in_situation":
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
