"""Tests are distributed by module, the long ones first."""

from pathlib import Path
from typing import cast

import pytest

from tests.support.workers import (
    FOLDERS,
    LONG_MODULES,
    WAITING,
    longest_first,
    share_for,
    share_of,
    waits,
)

TESTS = Path(__file__).parents[2]


class Item:
    """The part of a test that its order depends on."""

    def __init__(self, path: str) -> None:
        self.path = TESTS / path


def test_module_is_one_share() -> None:
    """The tests of a module run in one worker, because they share its servers."""
    module = "tests/unit/test_cli.py"

    assert share_of(f"{module}::test_one") == share_of(f"{module}::test_two[x::y]") == module


def test_long_module_is_as_many_shares_as_it_has_tests() -> None:
    """Each test of a long module is a share, so that no worker is busy much longer than others."""
    module = f"tests/acceptance/{LONG_MODULES[0]}"

    assert share_of(f"{module}::test_one") != share_of(f"{module}::test_two")


def test_long_ones_come_first() -> None:
    """Long tests do not begin when nothing else is left."""
    order = ["unit/test_cli.py", "integration/docker/test_pull.py", "acceptance/test_outages.py"]
    order.append(f"acceptance/{LONG_MODULES[0]}")
    items = [Item(each) for each in order]

    longest_first(cast("list[pytest.Item]", items))

    names = [each.path.name for each in items]
    assert names == [LONG_MODULES[0], "test_outages.py", "test_pull.py", "test_cli.py"]


def test_modules_that_wait_are_distinguished() -> None:
    """Modules that mostly wait are recognised by their name or their folder's."""
    assert waits("tests/contract/ports/test_outbox.py")
    assert waits("tests/integration/docker/test_pull.py")
    assert waits("tests/acceptance/test_outages.py")
    assert not waits("tests/acceptance/test_streams_outages.py::test_one[a/b]")
    assert not waits("tests/unit/test_cli.py")


def test_every_other_worker_begins_with_those_that_wait() -> None:
    """One worker keeps a core busy while the next one waits."""
    busy, waiting = "tests/unit/test_cli.py", "tests/acceptance/test_outages.py"

    assert [share_for(worker, [busy, waiting]) for worker in (0, 1)] == [busy, waiting]
    assert [share_for(worker, [waiting, busy]) for worker in (2, 3)] == [busy, waiting]
    assert [share_for(worker, [busy]) for worker in (0, 1)] == [busy, busy]
    assert [share_for(worker, [waiting]) for worker in (0, 1)] == [waiting, waiting]


def test_names_are_those_of_the_tests() -> None:
    """Every listed name is an existing module or folder, so a renamed one is noticed."""
    for name in (*LONG_MODULES, *WAITING):
        assert list(TESTS.rglob(name)), name
    for name in FOLDERS:
        assert [each for each in TESTS.rglob(name) if each.is_dir()], name
