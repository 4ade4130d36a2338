"""The plan of a history, drawn from its seed: requests, and one theme of faults among them."""

from collections.abc import Sequence
from random import Random

from tests.simulation.events import GAMES, KINDS, Event, Plan, Theme
from tests.simulation.external_plans import (
    clean_up_one_of_two,
    clock,
    cycle,
    end_in_operation,
    foreign_container,
    hint,
    host_restart,
    host_restarted,
    interfere,
    interfere_at_call,
    interfere_with_engine,
    interfere_with_operation,
    interfere_with_stopped_game,
    leftover_refused,
    mute,
    name_taken,
    no_descriptors,
    probe,
    reconcile,
    refused_in_rollback,
    restore,
    retention_over,
    speak,
    started_by_hand,
    take_away,
    wait,
)
from tests.simulation.fault_plans import (
    at_the_gate,
    cut,
    flush,
    kill,
    late,
    late_in_a_patch,
    lose,
    lose_in_docker,
    outage_at_call,
    outcome_lost,
    process_fault_at_call,
    refuse,
    refuse_for_a_while,
    shutdown,
    stall,
    stalled_rollback,
)
from tests.simulation.policy import FAILING, GOOD, IGNORES_SIGTERM, NEWER, SOUND, STOPS_SLOWLY

THEMES: Sequence[Theme] = (
    (hint, hint, cycle, cycle, cycle, wait),
    (kill,),
    (kill, kill, lose),
    (kill, cut, wait),
    (process_fault_at_call,),
    (process_fault_at_call, process_fault_at_call),
    (process_fault_at_call, process_fault_at_call, process_fault_at_call, reconcile),
    (process_fault_at_call, lose_in_docker, lose),
    (process_fault_at_call, late),
    (shutdown,),
    (shutdown, shutdown, process_fault_at_call),
    (outage_at_call,),
    (outage_at_call, process_fault_at_call),
    (at_the_gate,),
    (late_in_a_patch,),
    (late_in_a_patch, process_fault_at_call),
    (started_by_hand,),
    (outcome_lost,),
    (outcome_lost, kill),
    (lose, lose),
    (lose, lose, lose, lose),
    (lose_in_docker, lose_in_docker),
    (lose_in_docker, lose_in_docker, kill),
    (late,),
    (late, late, reconcile),
    (late, stall),
    (refuse,),
    (refuse, refuse),
    (refuse, refuse, kill),
    (refuse, late, process_fault_at_call),
    (refuse_for_a_while,),
    (refuse_for_a_while, process_fault_at_call),
    (leftover_refused,),
    (cut,),
    (cut, cut, hint),
    (stall,),
    (stall, stall, cycle),
    (stall, lose, cycle),
    (stall, kill, hint),
    (stalled_rollback,),
    (stalled_rollback, hint),
    (flush,),
    (flush, process_fault_at_call),
    (clock, clock, clock),
    (clock, stall),
    (no_descriptors, no_descriptors, process_fault_at_call),
    (interfere, hint, hint),
    (interfere, interfere, cycle, cycle, wait),
    (interfere, cycle, cycle, cycle, cycle, cycle),
    (interfere, kill, lose),
    (interfere, cut, hint, cycle),
    (interfere_at_call, reconcile),
    (interfere_at_call, interfere_at_call, process_fault_at_call),
    (foreign_container, cycle, cycle),
    (foreign_container, process_fault_at_call, reconcile),
    (take_away, take_away),
    (take_away, process_fault_at_call, reconcile),
    (host_restart, cycle),
    (restore,),
    (restore, interfere),
    (interfere_with_engine, interfere_with_engine),
    (interfere_with_engine, process_fault_at_call),
    (interfere_with_stopped_game,),
    (interfere_with_stopped_game, lose_in_docker),
    (clean_up_one_of_two,),
    (clean_up_one_of_two, end_in_operation, lose),
    (retention_over,),
    (retention_over, end_in_operation),
    (interfere_with_operation,),
    (interfere_with_operation, interfere_with_operation, end_in_operation),
    (end_in_operation, end_in_operation),
    (end_in_operation, lose, lose_in_docker),
    (host_restarted,),
    (host_restarted, end_in_operation),
    (name_taken,),
    (name_taken, end_in_operation),
    (refused_in_rollback,),
    (refused_in_rollback, end_in_operation),
    (mute, *[probe] * 8, speak),
    (mute, kill, *[probe] * 10, speak, mute),
    (reconcile,) * 5,
    (interfere, interfere, kill, cut, stall, lose, cycle, hint),
    (interfere_at_call, refuse, late, outage_at_call, shutdown, cycle),
)


FIRST = (*(GOOD,) * 8, STOPS_SLOWLY, IGNORES_SIGTERM)
ONLY_SOUND = 0.4
"""How often a history uses sound images only, so that nothing may fail in it."""


def make_plan(seed: int, themes: Sequence[Theme] = THEMES) -> Plan:
    """Draw the plan of the history with this seed, with the faults of one of these themes."""
    random = Random(f"plan {seed}")  # noqa: S311 - a history, not a secret
    events = draw_requests(random)
    horizon = events[-1].at + 60
    for make in random.choice(themes):
        events += make(random, random.randrange(horizon))
    for _ in range(random.randrange(4)):
        events += cycle(random, random.randrange(horizon))
    return sorted(events, key=lambda event: event.at)


def draw_requests(random: Random) -> list[Event]:
    """Draw the requests of a history, whose faults come besides."""
    return _requests(random, only_sound=random.random() < ONLY_SOUND)


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
    return random.choice(SOUND if only_sound or kind < 0.65 else FAILING)
