import pytest

from rtmanager.client import RuntimeOverview
from rtmanager.client.parsing import read
from rtmanager.console.listing import Wanted, counts
from tests.unit.console.fake_service import ago, brief, operation, overview


def games() -> list[RuntimeOverview]:
    """Return four games that differ in everything."""
    busy = brief(operation(4, "patch", 5, outcome="open", finished_at=None))
    return [
        read(RuntimeOverview, each)
        for each in (
            overview("b", started_at=ago(50), last_operation=brief(operation(1, "start", 9000))),
            overview("c", "stopped"),
            overview("a", health="unhealthy", image_ref="galaxy/other:2.0.0", last_operation=busy),
            overview("d", "removed", last_operation=None),
        )
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "abcd"),
        ({"q": " GALAXY/other "}, "a"),
        ({"q": "d"}, "d"),
        ({"status": "running"}, "ab"),
        ({"status": "running", "health": "unhealthy"}, "a"),
        ({"status": "nonsense", "sort": "nonsense"}, "abcd"),
        ({"sort": "-game"}, "dcba"),
        ({"sort": "health"}, "abcd"),
        ({"sort": "status"}, "abcd"),
        ({"sort": "image"}, "bcad"),
        ({"sort": "age"}, "bdca"),
        ({"sort": "operation"}, "acbd"),
    ],
)
def test_address_decides_which_games_in_which_order(query: dict[str, str], found: str) -> None:
    """What an address asks for that is not known counts as nothing."""
    wanted = Wanted.of(query)
    ordered = wanted.in_order(sorted(games(), key=lambda each: each.game_id))

    assert "".join(each.game_id for each in ordered if wanted.matches(each)) == found


def test_sorting_twice_turns_around() -> None:
    """A column's link keeps the filters, and reverses the order that it has made."""
    wanted = Wanted.of({"q": "a&b", "status": "running"})

    assert wanted.sorted_by("health") == "/console/?q=a%26b&status=running&sort=health"
    assert Wanted(sort="health").sorted_by("health") == "/console/?sort=-health"
    assert Wanted(sort="age").direction("age") == "descending"
    assert Wanted().direction("age") == "none"


def test_counts_are_of_all_games() -> None:
    """The health of games that do not run is not counted."""
    found = counts(games())

    assert dict(found) == {
        "all": 4,
        "busy": 1,
        "running": 2,
        "stopped": 1,
        "removed": 1,
        "healthy": 1,
        "unhealthy": 1,
    }
