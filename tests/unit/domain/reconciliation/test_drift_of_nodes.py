"""How games have drifted whose containers are on nodes that are down, or were lost with one."""

import pytest

from rtmanager.domain.container import ContainerStatus, EngineContainer, parked_name
from rtmanager.domain.node import NodeId, Placement
from rtmanager.domain.operation import Fence
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import GAME, make_record
from tests.unit.domain.observed import EXITED, OLD, OTHER, STOPPED, container
from tests.unit.domain.reconciliation.test_drift import drifts, kinds

DOWN = Placement(node=NodeId("n1"), name="rack-1", is_down=True)
BACK = Placement(node=NodeId("n1"), name="rack-1")
AWAY = container(placement=DOWN)
LOST = container(status=EXITED, placement=BACK, ended_with_node=True)
OTHER_AWAY = container(id=OTHER, name="x", placement=DOWN)


@pytest.mark.parametrize(
    ("record", "containers"),
    [
        (make_record(), [AWAY]),
        (STOPPED, [AWAY]),
        (None, [AWAY]),
        (make_record(), [container(), OTHER_AWAY]),
        (STOPPED, [container(status=EXITED), OTHER_AWAY]),
    ],
)
def test_what_is_not_known_is_no_drift(
    record: RuntimeRecord | None, containers: list[EngineContainer]
) -> None:
    """An engine on a node that is down is neither taken over nor removed, nor has it ended."""
    assert drifts(record, *containers) == []


def test_engine_that_was_lost_with_its_node_is_to_be_started_elsewhere() -> None:
    """It has not exited by itself; the drift names the node."""
    (found,) = drifts(make_record(), LOST)

    assert (found.kind, found.container_id) == (DriftKind.NODE_LOST, OLD)
    assert found.node == "rack-1"
    assert found.sentence == "the record is running but its engine was lost with node rack-1"


@pytest.mark.parametrize(
    "record", [STOPPED, make_record().removed(fence=Fence(2), at=STOPPED.last_op_at)]
)
def test_engine_of_a_stopped_game_is_not_missed(record: RuntimeRecord) -> None:
    """Nobody wants it to run."""
    assert DriftKind.NODE_LOST not in kinds(drifts(record, LOST))


def test_lost_engine_waits_while_another_of_the_game_may_run() -> None:
    """Two engines of a game never run at once, and one out of reach may."""
    assert drifts(make_record(), LOST, OTHER_AWAY) == []


def test_container_being_removed_is_gone_even_if_it_was_lost() -> None:
    """Somebody has removed it."""
    leaving = container(status=ContainerStatus.REMOVING, placement=BACK, ended_with_node=True)

    assert kinds(drifts(make_record(), leaving)) == [DriftKind.DISPOSE]


def test_engine_that_still_starts_is_not_taken_over() -> None:
    """Whether it will run is not known yet."""
    assert drifts(STOPPED, container(status=ContainerStatus.STARTING)) == []


def test_lost_container_gets_its_name_back_as_well() -> None:
    """The move comes first, and parks it again."""
    parked = container(
        status=EXITED, placement=BACK, ended_with_node=True, name=parked_name(GAME, Fence(3))
    )

    assert kinds(drifts(make_record(), parked)) == [DriftKind.NODE_LOST, DriftKind.MISNAMED]
