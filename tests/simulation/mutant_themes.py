"""Which theme shows which mutant soonest: among all themes, each comes up in its own time."""

from collections.abc import Mapping, Sequence

from tests.simulation.anchored import cleaned_up_beside_another
from tests.simulation.strikes import ambush, at_the_gate, late, late_in_a_patch, lose, refuse, stall
from tests.simulation.surroundings import (
    clock,
    cycle,
    mishap,
    mute,
    never_again,
    probe,
    reconcile,
    restore,
    squat,
    started_by_hand,
    wait,
)
from tests.simulation.vocabulary import Theme

SOONEST: Mapping[str, Sequence[Theme]] = {
    "no lease number check in begin": [(ambush, stall)],
    "fences repeated after a restore": [(restore,)],
    "numbers by the clock alone": [(clock,)],
    "replay without a look": [(mishap, mishap, wait)],
    "unknown is gone": [(lose, lose, lose, lose)],
    "ownership without installation": [(squat, cycle, cycle)],
    "stopped by id": [(late_in_a_patch,)],
    "rivals overlooked": [(started_by_hand,)],
    "start in doubt sent again": [(late_in_a_patch,)],
    "gate not watched again": [(at_the_gate,)],
    "brought back by id": [(late_in_a_patch,)],
    "brought back too early": [(ambush, refuse)],
    "cleaned up by force": [(started_by_hand,)],
    "no grace": [(late, late, reconcile)],
    "cleanup of every game": [(cleaned_up_beside_another,)],
    "no back-off": [(never_again,)],
    "baselines forgotten": [(mute, probe, probe, probe, probe, probe, probe)],
}
