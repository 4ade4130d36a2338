"""Histories that once violated an invariant, as they were when they were found."""

import pytest

from tests.simulation.events import Event, Kind, Plan
from tests.simulation.history import run_history
from tests.simulation.policy import GOOD, REFUSED

CRASHED_BEFORE_ITS_NODE = (
    Event(0, "request", (0, "start", "g1", GOOD, "gm_rest")),
    Event(67, "interfere", ("crash", 0.47534845076877863)),
    Event(99, "node_down", ("power", 0.11737637160551706, 120, 14.0)),
    Event(107, "nodes", ()),
)
"""An engine has crashed just before its node is lost: nobody can tell that from a loss."""

STARTED_FOR_A_MOMENT = (
    Event(0, "request", (0, "start", "g1", REFUSED, "lobby_stream")),
    Event(72, "node_down", ("power", 0.049881034548441616, 120, 5.0)),
    Event(182, "wait", (20.0,)),
    Event(197, "nodes", ()),
)
"""The node is lost in the moment in which an engine runs that cannot start anywhere."""


@pytest.mark.parametrize(
    ("seed", "plan"), [(397, CRASHED_BEFORE_ITS_NODE), (7158, STARTED_FOR_A_MOMENT)]
)
def test_history_on_a_swarm_violates_nothing_any_more(seed: int, plan: Plan) -> None:
    """Its schedule is that of the seed, its events are those that were needed."""
    assert run_history(seed, plan, kind=Kind.SWARM).violations == []
