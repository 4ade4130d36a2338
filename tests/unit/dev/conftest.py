"""Fixtures for the tests of the development environment."""

from tests.unit.dev.checkouts import (
    client,
    first,
    machine,
    preferred,
    printed,
    second,
    start_engine,
)

__all__ = ["client", "first", "machine", "preferred", "printed", "second", "start_engine"]
