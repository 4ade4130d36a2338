"""Fixtures for the tests of the development environment."""

from tests.unit.dev.checkouts import (
    client,
    first,
    machine,
    preferred,
    second,
    start_engine,
    told,
)

__all__ = ["client", "first", "machine", "preferred", "second", "start_engine", "told"]
