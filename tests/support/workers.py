"""How tests are distributed among the workers of a run."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

FOLDERS = (
    *("linearizability", "mutation", "recovery", "acceptance"),
    *("integration", "ports", "simulation", "exhaustive", "contract"),
)
"""The folders whose tests take long, longest first, so that no worker begins one of them last."""
LONG_MODULES = (
    "test_streams_outages.py",
    "test_restarts_under_load.py",
)
"""Modules whose tests take so long that each is distributed by itself."""
WAITING = (
    "integration",
    "ports",
    "on_swarm",
    "test_killed_processes.py",
    "test_lost_replies.py",
    "test_misbehaving_engines.py",
    "test_outages.py",
    "test_monitoring_without_events.py",
    "test_retention.py",
    "test_replicas.py",
    "test_rolling.py",
    "test_streams_flushed.py",
)
"""Modules and folders whose tests wait for limits and pauses; the others keep a core busy."""


class Shares(LoadScopeScheduling):  # type: ignore[misc] # it ships no types
    """Gives a module to one worker, which has its services to itself, then the next module."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        share = share_for(self.nodes.index(node), list(self.workqueue))
        self.workqueue.move_to_end(share, last=False)
        super()._assign_work_unit(node)


def share_of(nodeid: str) -> str:
    """Return the name of the share that a test belongs to."""
    module, _, _ = nodeid.partition("::")
    return nodeid if PurePath(module).name in LONG_MODULES else module


def share_for(worker: int, shares: Sequence[str]) -> str:
    """Return what a worker does next: every other worker begins with the shares that wait.

    If all workers were busy at once, tests would miss their limits; if all waited, time was lost.
    """
    fitting = (each for each in shares if waits(each) == bool(worker % 2))
    return next(fitting, shares[0])


def waits(share: str) -> bool:
    """Return whether the tests of a share wait most of their time."""
    module, _, _ = share.partition("::")
    return not set(PurePath(module).parts).isdisjoint(WAITING)


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests that take long before the others."""
    items.sort(key=_position)


def _position(item: pytest.Item) -> tuple[int, int]:
    in_long_module = item.path.name in LONG_MODULES
    folders = (each for each in reversed(item.path.parent.parts) if each in FOLDERS)
    folder = next(folders, None)
    return (not in_long_module, FOLDERS.index(folder) if folder else len(FOLDERS))


def make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler of a run."""
    config.option.loadscopereorder = False  # they are already sorted
    return Shares(config, log)
