"""The additional events of a full history: the Lobby's jobs, and faults of the streams."""

from collections.abc import Callable, Sequence
from random import Random

from tests.simulation.events import Event, Plan, Theme
from tests.simulation.external_plans import (
    end_in_operation,
    host_restarted,
    interfere_with_engine,
    interfere_with_operation,
    interfere_with_stopped_game,
    name_taken,
    refused_in_rollback,
    retention_over,
)
from tests.simulation.fault_plans import late, lose, lose_in_docker
from tests.simulation.plan import make_plan
from tests.simulation.policy import ABSENT, DIES_AT_ONCE, GOOD, LEASE_TTL, NEWER, REFUSED
from tests.simulation.triggers import SEVERAL_JOBS_ARE_RECORDED

GAMES = ("g1", "g1", "g2", "g3")
JOBS = (
    *("start", "start", "start", "stop", "stop", "stop"),
    *("malformed", "malformed", "unreadable", "misnamed"),
)
_TOGETHER = (
    ("start", "start", "start", "start", "stop", "stop", "start"),
    ("stop", "start", "start", "malformed", "start", "stop"),
    ("start", "start", "stop", "stop", "stop", "start", "start"),
)
IMAGES = (GOOD, GOOD, GOOD, GOOD, NEWER, ABSENT, REFUSED, DIES_AT_ONCE)
STREAM_FAULT_POINTS = (
    *(
        "jobs.read:done",
        "jobs.acknowledge",
        "jobs.acknowledge:done",
        "jobs.dead_letter",
        "jobs.dead_letter:done",
    ),
    *("store.begin:done", "store.refuse", "store.refuse:done", "store.finish", "store.finish:done"),
    *("outbox.batch:done", "publisher.publish", "publisher.publish:done", "outbox.commit"),
    *("outbox.commit:done", "lease.acquire:done", "host.start:done", "store.find_by_job:done"),
)
"""Calls at which faults are injected."""
WANTED = (
    *("jobs.", "jobs.read", "jobs.read:done", "jobs.reclaim", "jobs.acknowledge"),
    *(
        "jobs.acknowledge:done",
        "jobs.dead_letter",
        "jobs.dead_letter:done",
        "outbox.",
        "outbox.batch:done",
    ),
    *("outbox.commit", "outbox.commit:done", "publisher.publish", "publisher.publish:done"),
    *(
        "store.begin:done",
        "store.finish:done",
        "store.refuse:done",
        "store.find_by_job",
        "records.ping",
    ),
)
"""Calls to lose, or whose replies to lose."""


def make_full_plan(seed: int) -> Plan:
    """Draw the plan of the full history with this seed."""
    random = Random(f"streams {seed}")  # noqa: S311 - a history, not a secret
    events = list(make_plan(seed))
    horizon = events[-1].at + 80
    events += draw_jobs(random, horizon)
    for make in (*random.choice(_THEMES), *random.choice(IN_SITUATIONS)):
        events += make(random, random.randrange(horizon))
    return sorted(events, key=lambda event: event.at)


def draw_jobs(random: Random, horizon: int) -> list[Event]:
    """Draw the jobs that the Lobby adds, in bursts."""
    events: list[Event] = []
    for _ in range(random.randrange(1, 5)):
        events += _burst(random, random.randrange(horizon))
    return events


def _burst(random: Random, at: int) -> list[Event]:
    """Add several jobs in quick succession, most of them for one game."""
    game = random.choice(GAMES)
    return [
        _job(random, at + random.randrange(6), game if random.random() < 0.7 else None)
        for _ in range(random.randrange(1, 5))
    ]


def _job(random: Random, at: int, game: str | None) -> Event:
    kind = random.choice(JOBS)
    return Event(at, "job", (kind, game or random.choice(GAMES), random.choice(IMAGES)))


def _together(random: Random, at: int) -> list[Event]:
    """Add several jobs for one game at once: most change nothing, and work is among them."""
    game, image = random.choice(GAMES), random.choice((GOOD, GOOD, NEWER))
    kinds = random.choice(_TOGETHER)
    return [Event(at, "job", (kind, game, image)) for kind in kinds]


def _killed_before_acknowledging(random: Random, at: int) -> list[Event]:
    """Kill a process that has recorded several jobs and not acknowledged them."""
    args = (SEVERAL_JOBS_ARE_RECORDED, random.randrange(2), "kill", random.randrange(5, 90), 0.0)
    return [
        *_together(random, at),
        Event(at + 1, "in_situation", args),
        *_together(random, at + random.randrange(20, 120)),
        # Keeps the plan from ending before the jobs do.
        Event(at + 300, "wait", (1.0,)),
    ]


def _redelivered_together(random: Random, at: int) -> list[Event]:
    """Deliver jobs again that are done, and others with them that are not."""
    again = at + random.randrange(20, 90)
    return [*_together(random, at), *_redeliver(random, again), *_together(random, again)]


def _failing(random: Random, at: int) -> list[Event]:
    """Make a game fail to start again and again."""
    image = random.choice((ABSENT, REFUSED, DIES_AT_ONCE))
    return [Event(at + 15 * each, "job", ("start", "g3", image)) for each in range(4)]


def _process_fault_at_call(random: Random, at: int) -> list[Event]:
    what = random.choice(("kill", "kill", "suspend", "shutdown", "depose"))
    steps, jump = random.randrange(5, 90), random.choice((0.0, 5.0, LEASE_TTL + 1))
    args: tuple[object, ...] = (steps, jump)
    if what == "depose":
        args = ()
    elif what == "shutdown":
        args = (random.choice((0.0, 1.0)), random.choice((0, steps)), steps)
    return [Event(at, "at_call", (random.choice(STREAM_FAULT_POINTS), what, *args))]


def _stalled_relay(random: Random, at: int) -> list[Event]:
    """Suspend a relay that is about to publish, until its batch is stale and forgotten."""
    return [Event(at, "at_call", ("publisher.publish", "suspend", random.randrange(20, 90), 30.0))]


def _lose(random: Random, at: int) -> list[Event]:
    return [Event(at, "lose", (random.choice(WANTED), 0))]


def _cut(random: Random, at: int) -> list[Event]:
    service = random.choice(("postgres", "redis", "redis"))
    return [Event(at, "cut", (service, random.randrange(1, 60), random.choice((0.0, 5.0))))]


def _depose(_: Random, at: int) -> list[Event]:
    return [Event(at, "depose", ())]


def _redeliver(_: Random, at: int) -> list[Event]:
    return [Event(at, "redeliver", ())]


def _flush(_: Random, at: int) -> list[Event]:
    return [Event(at, "flush", ())]


IN_SITUATIONS: Sequence[Theme] = (
    (),
    (interfere_with_engine,),
    (interfere_with_engine, interfere_with_engine),
    (interfere_with_engine, interfere_with_engine, interfere_with_engine),
    (interfere_with_stopped_game,),
    (retention_over,),
    (interfere_with_operation,),
    (end_in_operation,),
    (end_in_operation, interfere_with_operation),
    (lose_in_docker, lose_in_docker, late),
    (lose_in_docker, lose, end_in_operation),
    (host_restarted,),
    (host_restarted, end_in_operation),
    (name_taken,),
    (refused_in_rollback,),
    (refused_in_rollback,),
)
"""Faults that wait for running engines and for operations."""

_Make = Callable[[Random, int], list[Event]]
_THEMES: Sequence[Sequence[_Make]] = (
    (),
    (_failing, _failing),
    (_together, _together, _process_fault_at_call),
    (_killed_before_acknowledging, _killed_before_acknowledging, _together),
    (_killed_before_acknowledging, _killed_before_acknowledging, _stalled_relay),
    (_killed_before_acknowledging, _redelivered_together),
    (_redelivered_together, _depose),
    (_together, _lose, _cut),
    (_process_fault_at_call,),
    (_process_fault_at_call, _process_fault_at_call, _process_fault_at_call),
    (_process_fault_at_call, _lose, _depose),
    (_stalled_relay, _stalled_relay),
    (_stalled_relay, _process_fault_at_call, _failing),
    (_lose, _lose, _lose),
    (_cut, _lose),
    (_cut, _process_fault_at_call, _failing),
    (_depose, _depose, _lose),
    (_redeliver,),
    (_redeliver, _process_fault_at_call, _lose),
    (_flush,),
    (_flush, _process_fault_at_call, _depose),
    (_flush, _stalled_relay, _cut),
)
