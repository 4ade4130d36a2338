"""Which containers are ours: one predicate for lists and inspections."""

import pytest

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Operation
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import GAME, make_record
from tests.unit.domain.observed import FENCE, OTHER, container, operation
from tests.unit.domain.watch import labels_of

HERE = Installation("galaxy-net", "here")
RECORD, OPERATION = make_record(), operation()


def unstamped(fence: int = 1) -> ContainerDetails:
    """Return a container without our label that no record names."""
    return container(id=OTHER, labels=labels_of(GAME, fence=fence, installation=None))


@pytest.mark.parametrize(
    ("seen", "record", "open_operation", "is_ours"),
    [
        (container(), None, None, True),
        (container(labels=labels_of(GAME, installation="there")), None, None, False),
        (container(network="another-net"), None, None, False),
        (container(network="another-net"), RECORD, None, True),
        (container(id=OTHER, network="another-net"), RECORD, OPERATION, False),
        (container(labels=labels_of(GAME, installation=None)), RECORD, None, True),
        (unstamped(), RECORD, OPERATION, False),
        (unstamped(FENCE), RECORD, OPERATION, True),
        (unstamped(FENCE), RECORD, None, False),
        (container(labels={}), RECORD, OPERATION, False),
    ],
    ids=[
        "stamped",
        "another's stamp",
        "another network",
        "the record's, on another network",
        "not the record's, on another network",
        "the record's, without a stamp",
        "nobody's, without a stamp",
        "the open operation's, without a stamp",
        "an old operation's, without a stamp",
        "without our labels",
    ],
)
def test_ours(
    seen: ContainerDetails,
    record: RuntimeRecord | None,
    open_operation: Operation | None,
    *,
    is_ours: bool,
) -> None:
    """Ours are the record's, the open operation's, and those with our label on our network."""
    assert HERE.owns(seen, record=record, operation=open_operation) is is_ours
    assert list(HERE.own([seen], record=record, operation=open_operation)) == [seen] * is_ours


def test_id_is_not_known_before_the_database_is_open() -> None:
    """Reading the id before the database is open is a defect."""
    installation = Installation("galaxy-net")
    with pytest.raises(RuntimeError, match="before the database is open"):
        _ = installation.id

    installation.identify("here")

    assert installation.id == "here"
