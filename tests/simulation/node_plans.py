"""The plan of a history on a Swarm: requests, faults of nodes, and faults as on a Docker."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.simulation.events import SWARM_CHANGES, Event, Plan, Theme, meanwhile
from tests.simulation.external_plans import cycle, probe, reconcile, wait
from tests.simulation.fault_plans import (
    cut,
    flush,
    kill,
    lose,
    process_fault_at_call,
    shutdown,
    stall,
)
from tests.simulation.node_faults import A_CHANGE, DAEMON, LINK, POWER, THE_END
from tests.simulation.plan import draw_requests
from tests.simulation.policy import DIES_AT_ONCE, GOOD, LEASE_TTL
from tests.simulation.stream_plan import draw_jobs
from tests.simulation.triggers import AN_ENGINE_RUNS

SLOWNESS = 3
"""How much longer an operation takes than on a Docker, in steps."""
UNSEEN, SEEN = 5.0, 14.0
"""Seconds in which a silent node is not missed yet, and in which it is."""
JUMPS = (UNSEEN, SEEN, SEEN)
REQUESTS = (
    *("swarm.update_service", "swarm.update_service:done", "swarm.create_service:done"),
    *("swarm.remove_service", "swarm.tasks", "swarm.service", "swarm.nodes", "swarm.update_node"),
)


def power_lost(random: Random, at: int) -> list[Event]:
    """Let a node lose its power; mostly the operator says so, and its games move."""
    down = _down(random, at, POWER, jump=random.choice(JUMPS))
    words = [Event(at + each, "word", (random.randrange(2),)) for each in (10, 60, 140)]
    return [down, *_rounds(random, at + 5), *(words if random.random() < 0.8 else ())]


def link_lost(random: Random, at: int) -> list[Event]:
    """Cut a node off: its engines write on, and nothing may move."""
    down = _down(random, at, LINK, jump=random.choice(JUMPS))
    word = Event(at + 30, "word", (random.randrange(2),))
    return [down, *_rounds(random, at + 5), word, *meanwhile(random, at + 10, random.randrange(2))]


def plug_pulled(random: Random, at: int) -> list[Event]:
    """Cut a node off, then switch it off and say so."""
    down = _down(random, at, LINK, steps=500)
    off = Event(at + 30, "power_cut", (random.randrange(100, 300), random.choice((0.0, UNSEEN))))
    words = [Event(at + each, "word", (random.randrange(2),)) for each in (40, 90)]
    return [down, off, *words, *_rounds(random, at + 10)]


def daemon_killed(random: Random, at: int) -> list[Event]:
    """Kill a node's dockerd, which leaves its engines running."""
    return [_down(random, at, DAEMON, jump=random.choice(JUMPS)), *_rounds(random, at + 5)]


def node_down_at_call(random: Random, at: int) -> list[Event]:
    """Let a node go down while an operation makes a certain request."""
    kind = random.choice((POWER, LINK, LINK, DAEMON))
    args = (kind, random.random(), random.randrange(40, 250), random.choice((0.0, UNSEEN, SEEN)))
    event = Event(at, "at_call", (random.choice(REQUESTS), "node_down", *args))
    words = [Event(at + each, "word", (random.randrange(2),)) for each in (60, 120)]
    return [event, *meanwhile(random, at, random.randrange(2)), *words, *_rounds(random, at + 30)]


def fenced(random: Random, at: int) -> list[Event]:
    """Let a node with engines be silent for so long that the fence command is run for it."""
    kind = random.choice((POWER, LINK, LINK, DAEMON))
    down = _down(random, at, kind, steps=random.randrange(200, 500))
    looks = [Event(at + each, "nodes", ()) for each in range(5, 250, 35)]
    waits = [Event(at + each, "wait", (11.0,)) for each in (15, 75, 150)]
    return [down, *looks, *waits, *meanwhile(random, at + 100, random.randrange(2))]


def lost_twice(random: Random, at: int) -> list[Event]:
    """Cut a node off soon after it came back from being vouched for, with an old engine on it."""
    slot = random.randrange(2)
    patch = ("request", slot, "patch", "g1", DIES_AT_ONCE, "gm_rest")
    down = ("node_down", LINK, random.random(), random.randrange(150, 300), SEEN)
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 150, "node_down", (POWER, 0.99, 60, SEEN)),
        *[Event(at + each, "nodes", ()) for each in (155, 230, 250, 600, 640, 680, 720)],
        Event(at + 170, "word", (slot,)),
        Event(at + 215, "wait", (4.0,)),
        Event(at + 240, "in_situation", (AN_ENGINE_RUNS, 0, *patch)),
        Event(at + 520, "in_situation", (AN_ENGINE_RUNS, random.randrange(3), *down)),
        Event(at + 610, "cycle", (slot, "reconcile")),
    ]


def lost_again(random: Random, at: int) -> list[Event]:
    """Cut off a node that was vouched for and is back, once a game was rolled back onto it."""
    slot = random.randrange(2)
    down = ("node_down", LINK, random.choice((0.3, 0.7)), 400, SEEN)
    return [
        *[Event(at, "request", (slot, "start", each, GOOD, "gm_rest")) for each in ("g1", "g2")],
        Event(at + 300, "node_down", (POWER, 0.7, 60, SEEN)),
        Event(at + 320, "word", (slot,)),
        *[Event(at + each, "nodes", ()) for each in (310, 400, 440, 1100, 1140, 1180, 1220)],
        Event(at + 380, "wait", (4.0,)),
        Event(at + 700, "request", (slot, "patch", "g1", DIES_AT_ONCE, "gm_rest")),
        Event(at + 1050, "in_situation", (AN_ENGINE_RUNS, 0, *down)),
    ]


def answered_late(random: Random, at: int) -> list[Event]:
    """Suspend the process that was told that a node is off, until the next outage of the node."""
    slot = random.randrange(2)
    down = ("node_down", LINK, 0.5, 600, SEEN)
    restart = ("restart", "g1", GOOD, "gm_rest")
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at, "at_call", ("fencing.confirms_off:done", "stall", 500, 0.0)),
        Event(at + 150, "in_situation", (AN_ENGINE_RUNS, 0, "node_down", POWER, 0.5, 250, SEEN)),
        *[Event(at + each, "nodes", ()) for each in (160, 200, 240)],
        *[Event(at + each, "wait", (11.0,)) for each in (190, 230)],
        Event(at + 420, "wait", (6.0,)),
        *[Event(at + 440, "request", (each, *restart)) for each in range(2)],
        Event(at + 640, "in_situation", (AN_ENGINE_RUNS, 0, *down)),
        *[Event(at + each, "nodes", ()) for each in range(700, 1100, 40)],
    ]


def stopped_meanwhile(random: Random, at: int) -> list[Event]:
    """Stop a game between a look at a drained node and the restart of what was seen there."""
    slot = random.randrange(2)
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 150, "drain", (slot, 0.5)),
        Event(at + 170, "at_call", ("host.list_containers:done", "stall", 150, 1.0)),
        Event(at + 171, "nodes", ()),
        *[Event(at + 190, "request", (each, "stop", "g1", GOOD, "gm_rest")) for each in range(2)],
    ]


def mistaken(random: Random, at: int) -> list[Event]:
    """Let an operator vouch for a node that is up, and has changed since its engine was placed."""
    slot = random.randrange(2)
    return [
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at + 150, "leaderless", (0.1,)),
        Event(at + 150, "wait", (6.0,)),
        Event(at + 160, "mistaken_word", (slot, random.random())),
        *_rounds(random, at + 200),
    ]


def drained(random: Random, at: int) -> list[Event]:
    """Drain a node while others work."""
    args = ("drain", random.randrange(2), random.random())
    drain = Event(at, "in_situation", (AN_ENGINE_RUNS, random.randrange(4), *args))
    looks = [Event(at + each, "nodes", ()) for each in range(20, 420, 40)]
    return [drain, *looks, *meanwhile(random, at + 200, random.randrange(2))]


def given_up(random: Random, at: int) -> list[Event]:
    """Let a node suit an engine no more; often its link is broken, and it does not hear of it."""
    slot = random.randrange(2)
    cut = ("node_down", LINK, 0.0, random.randrange(100, 300), random.choice((0.0, UNSEEN)))
    give_up = Event(at + 3, "in_situation", (AN_ENGINE_RUNS, 0, "give_up", random.random()))
    links = [Event(at, "in_situation", (AN_ENGINE_RUNS, 0, *cut))] if random.random() < 0.5 else []
    return [*links, give_up, *_rounds(random, at + 5), *meanwhile(random, at + 8, slot)]


def leaderless(random: Random, at: int) -> list[Event]:
    """Let the managers be without a leader while processes work."""
    lost = Event(at, "leaderless", (random.choice((0.3, 3.0, 20.0, 75.0)),))
    return [lost, *meanwhile(random, at, random.randrange(2)), Event(at + 40, "wait", (30.0,))]


def misled(random: Random, at: int) -> list[Event]:
    """Let a process read from a former leader, while or after another one changes the game."""
    slot = random.randrange(2)
    until = random.choice((A_CHANGE, A_CHANGE, THE_END))
    args = (slot, random.choice((3.0, 10.0, 20.0)), until)
    event = Event(at, "misled", args)
    if random.random() < 0.3:
        event = Event(at, "in_situation", (AN_ENGINE_RUNS, random.randrange(4), "misled", *args))
    others = [*meanwhile(random, at + 2, 1 - slot), *meanwhile(random, at + 60, slot)]
    ends = [Event(at + random.randrange(5, 90), "kill", (1 - slot, random.randrange(80), 0.0))]
    return [event, *others, *(ends if random.random() < 0.5 else ())]


def late_request(random: Random, at: int) -> list[Event]:
    """Let a request to the managers take effect late."""
    seconds = random.choice((0.05, 0.5, 5.0, LEASE_TTL + 10))
    call = random.choice(("update_service", "update_service", *SWARM_CHANGES))
    event = Event(at, "fate", (call, "late", seconds))
    return [event, *meanwhile(random, at, random.randrange(2))]


def removed_late(random: Random, at: int) -> list[Event]:
    """Let a start take effect late, while a process is about to remove its container."""
    slot = random.randrange(2)
    return [
        Event(at, "fate", ("update_service", "late", 5.0)),
        Event(at, "request", (slot, "start", "g1", GOOD, "gm_rest")),
        Event(at, "at_call", ("swarm.remove_service", "stall", 30, 10.0)),
    ]


def lost_request(random: Random, at: int) -> list[Event]:
    """Lose a request to the managers, or its answer."""
    fate = random.choice(("lose_reply", "lose_reply", "lose_call", "refuse_after"))
    event = Event(at, "fate", (random.choice(SWARM_CHANGES), fate, 0.0))
    return [event, *meanwhile(random, at, random.randrange(2))]


def crash(random: Random, at: int) -> list[Event]:
    """Let an engine end without the service."""
    kind = random.choice(("crash", "oom", "kill"))
    return [Event(at, "interfere", (kind, random.random())), *_rounds(random, at)]


NODE_THEMES: Sequence[Theme] = (
    (),
    (power_lost,),
    (power_lost, process_fault_at_call),
    (power_lost, power_lost),
    (power_lost, late_request),
    (link_lost,),
    (link_lost, process_fault_at_call),
    (link_lost, link_lost, kill),
    (link_lost, drained),
    (plug_pulled,),
    (plug_pulled, lost_request),
    (daemon_killed,),
    (daemon_killed, power_lost),
    (node_down_at_call,),
    (node_down_at_call, node_down_at_call),
    (node_down_at_call, process_fault_at_call),
    (node_down_at_call, late_request),
    (fenced,),
    (fenced, fenced),
    (fenced, process_fault_at_call),
    (lost_twice,),
    (lost_twice, lost_request),
    (drained,),
    (drained, drained, process_fault_at_call),
    (drained, power_lost),
    (leaderless,),
    (leaderless, power_lost),
    (leaderless, process_fault_at_call),
    (misled,),
    (misled, process_fault_at_call),
    (misled, power_lost),
    (misled, leaderless),
    (late_request, late_request),
    (late_request, stall),
    (late_request, process_fault_at_call),
    (given_up,),
    (given_up, process_fault_at_call),
    (lost_request, lost_request),
    (lost_request, kill, lose),
    (crash, crash),
    (crash, power_lost),
    (cut, cut),
    (kill, lose, lose),
    (stall, kill),
    (shutdown, process_fault_at_call),
    (flush,),
)


def make_node_plan(seed: int, themes: Sequence[Theme] = NODE_THEMES) -> Plan:
    """Draw the plan of the history on a Swarm with this seed."""
    random = Random(f"nodes {seed}")  # noqa: S311 - a history, not a secret
    events = [replace(each, at=SLOWNESS * each.at) for each in draw_requests(random)]
    horizon = events[-1].at + 80
    for make in random.choice(themes):
        events += make(random, random.randrange(horizon))
    for _ in range(random.randrange(3)):
        events += random.choice((cycle, probe, reconcile, wait))(random, random.randrange(horizon))
    return sorted(events, key=lambda event: event.at)


def make_full_node_plan(seed: int) -> Plan:
    """Draw the plan of the history with this seed in which all workers run, and jobs come."""
    random = Random(f"nodes and jobs {seed}")  # noqa: S311 - a history, not a secret
    events = list(make_node_plan(seed))
    events += draw_jobs(random, events[-1].at + 80)
    return sorted(events, key=lambda event: event.at)


def _down(random: Random, at: int, kind: str, *, steps: int = 0, jump: float = SEEN) -> Event:
    """Let a node go down, in most histories once an engine runs."""
    steps = steps or random.choice((20, 120, 300, random.randrange(40, 400)))
    args = ("node_down", kind, random.random(), steps, jump)
    if random.random() < 0.7:
        return Event(at, "in_situation", (AN_ENGINE_RUNS, random.randrange(4), *args))
    return Event(at, *args[:1], args[1:])


def _rounds(random: Random, at: int) -> list[Event]:
    """Let the leader look at the nodes and reconcile, several times, while time passes."""
    events = []
    for number in range(random.randrange(2, 5)):
        then = at + 40 * number
        events += [Event(then, "nodes", ()), Event(then + 15, "cycle", (0, "reconcile"))]
        events += [Event(then + 25, "wait", (random.choice((1.0, 11.0, 20.0)),))]
    return events
