"""What an observation says about the containers in it."""

import pytest

from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.operations.observation import overtakes
from tests.builders import GAME
from tests.unit.domain.observed import EXITED, FENCE, RUNNING, container, operation
from tests.unit.domain.watch import labels_of


@pytest.mark.parametrize(
    ("fence", "status", "expected"),
    [
        (FENCE + 1, RUNNING, True),
        (FENCE + 1, ContainerStatus.PAUSED, True),
        (FENCE + 1, EXITED, False),
        (FENCE, RUNNING, False),
        (FENCE - 1, RUNNING, False),
    ],
)
def test_only_what_runs_and_was_made_later_overtakes(
    fence: int, status: ContainerStatus, *, expected: bool
) -> None:
    """A stopped container of a later operation is no reason to roll back."""
    found = container(status=status, labels=labels_of(GAME, fence=fence))

    assert overtakes(found, operation()) is expected


def test_container_that_names_no_operation_overtakes_nothing() -> None:
    """It is unknown when such a container was created."""
    assert not overtakes(container(labels={}), operation())
