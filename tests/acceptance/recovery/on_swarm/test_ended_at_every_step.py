"""SIGKILL and SIGTERM at every step of every operation on a Swarm: none fails because of it."""

# ruff: noqa: F403 - the same tests as on a single Docker host

from collections.abc import Sequence

import pytest

from tests.acceptance.recovery.operations import CASES, Case
from tests.acceptance.recovery.test_ended_at_every_step import *
from tests.acceptance.recovery.test_ended_at_every_step import EVERY

FEW = ("first start", "patch", "stop")
"""Each step takes seconds on a Swarm."""


@pytest.fixture(scope="module")  # type: ignore[no-redef] # in its place
def cases() -> Sequence[Case]:
    """Return all operations if all points are chosen, else a few."""
    return CASES if EVERY == 1 else [case for case in CASES if case.name in FEW]


@pytest.fixture(scope="module")  # type: ignore[no-redef] # in its place
def every() -> int:
    """Return one in how many points is chosen: all of them, or fewer than with Docker."""
    return EVERY if EVERY == 1 else EVERY * 3 // 2
