"""How tests are shared out: by module, and the long ones first."""

from pathlib import Path
from typing import cast

import pytest

from tests.services.workers import FOLDERS, LONG_MODULES, longest_first, share_of

TESTS = Path(__file__).parents[2]


class Item:
    """As much of a test as the order needs."""

    def __init__(self, path: str) -> None:
        self.path = TESTS / path


def test_module_is_one_share() -> None:
    """Its tests run in one worker, whose servers they share."""
    module = "tests/unit/test_cli.py"

    assert share_of(f"{module}::test_one") == share_of(f"{module}::test_two[x::y]") == module


def test_long_module_is_as_many_shares_as_it_has_tests() -> None:
    """Otherwise one worker would be busy with it long after the others have ended."""
    module = f"tests/acceptance/{LONG_MODULES[0]}"

    assert share_of(f"{module}::test_one") != share_of(f"{module}::test_two")


def test_long_ones_come_first() -> None:
    """No worker begins a long one when nothing else is left."""
    order = ["unit/test_cli.py", "acceptance/test_outages.py", f"acceptance/{LONG_MODULES[0]}"]
    items = [Item(each) for each in order]

    longest_first(cast("list[pytest.Item]", items))

    assert [each.path.name for each in items] == [LONG_MODULES[0], "test_outages.py", "test_cli.py"]


def test_names_are_those_of_the_tests() -> None:
    """A module or folder that was renamed would lose its place without a word."""
    for name in LONG_MODULES:
        assert list(TESTS.rglob(name)), name
    for name in FOLDERS:
        assert [each for each in TESTS.rglob(name) if each.is_dir()], name
