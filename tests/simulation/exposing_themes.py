"""The themes of faults that expose each mutant soonest."""

from collections.abc import Mapping, Sequence

from tests.simulation.events import Theme
from tests.simulation.external_plans import (
    clean_up_one_of_two,
    clock,
    cycle,
    foreign_container,
    interfere,
    leftover_refused,
    mute,
    probe,
    reconcile,
    restore,
    started_by_hand,
    wait,
)
from tests.simulation.fault_plans import (
    at_the_gate,
    late,
    late_in_a_patch,
    lose,
    process_fault_at_call,
    refuse,
    stall,
)
from tests.simulation.node_plans import (
    answered_late,
    fenced,
    given_up,
    late_request,
    lost_again,
    mistaken,
    node_down_at_call,
    removed_late,
    stopped_meanwhile,
)

SOONEST: Mapping[str, Sequence[Theme]] = {
    "no lease number check in begin": [(process_fault_at_call, stall)],
    "fences repeated after a restore": [(restore,)],
    "numbers by the clock alone": [(clock,)],
    "replay without observing": [(interfere, interfere, wait)],
    "unknown is gone": [(lose, lose, lose, lose)],
    "ownership without installation": [(foreign_container, cycle, cycle)],
    "stopped by id": [(late_in_a_patch,)],
    "rivals overlooked": [(started_by_hand,)],
    "start in doubt sent again": [(late_in_a_patch,)],
    "gate not watched again": [(at_the_gate,)],
    "brought back by id": [(late_in_a_patch,)],
    "brought back too early": [(process_fault_at_call, refuse)],
    "cleaned up by force": [(started_by_hand,)],
    "no grace": [(late, late, reconcile)],
    "cleanup of every game": [(clean_up_one_of_two,)],
    "no back-off": [(leftover_refused,)],
    "fence answer forgotten": [(fenced,)],
    "off for ever": [(lost_again,)],
    "rejected is ended": [(given_up,)],
    "off though up": [(mistaken,)],
    "stopped where nobody sees it": [(node_down_at_call, node_down_at_call)],
    "removed without a mark": [(removed_late,)],
    "drained although stopped": [(stopped_meanwhile,)],
    "fence answer too late": [(answered_late,)],
    "version ignored": [(late_request, late_request, late_request)],
    "baselines forgotten": [(mute, probe, probe, probe, probe, probe, probe)],
}
"""The themes that expose a mutant soonest: with all themes, each of them comes up less often."""
