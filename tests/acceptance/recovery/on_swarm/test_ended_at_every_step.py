"""SIGKILL and SIGTERM at every step of every operation on a Swarm: none fails because of it."""

# ruff: noqa: F403 - the same tests as on a single Docker host

from collections.abc import Sequence

import pytest

from tests.acceptance.recovery.operations import CASES, Case
from tests.acceptance.recovery.test_ended_at_every_step import *
from tests.acceptance.recovery.test_ended_at_every_step import EVERY

FEW = ("first start", "patch", "stop")
FEWER = 2
"""Steps take longer on a Swarm: of three operations, half as many as on a single Docker host."""


@pytest.fixture(scope="module")  # type: ignore[no-redef] # in its place
def cases() -> Sequence[Case]:
    """Return all operations if all points are chosen, else a few."""
    return CASES if EVERY == 1 else [case for case in CASES if case.name in FEW]


@pytest.fixture(scope="module")  # type: ignore[no-redef] # in its place
def every() -> int:
    """Return one in how many points is chosen."""
    return 1 if EVERY == 1 else FEWER * EVERY
