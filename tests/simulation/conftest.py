"""Fixtures of the simulation's tests."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Write no log: a violated history prints its own trace."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
