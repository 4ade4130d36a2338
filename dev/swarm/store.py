"""Where Swarms keep their data, and how one ends without a trace, whoever started it."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev.background_process import BackgroundProcess
from dev.locks import machine_lock
from dev.swarm.machine import Machine
from dev.unprivileged import FALLBACK_ROOT

STORE = FALLBACK_ROOT / "swarms"
"""A directory for each: Docker's file systems need a disk, and the path of a socket must be short.
"""
_OWNER = "owner.pid"


def claim(swarm: Path, owner: int) -> None:
    """Create the directory of a Swarm for a process; it may be removed once that has ended.

    Removes those whose process has ended, as after a kill.
    """
    with machine_lock("swarms"):
        _remove_abandoned(swarm.parent)
        swarm.mkdir(parents=True, exist_ok=True)
        BackgroundProcess.of(owner, swarm / _OWNER)


def remove_abandoned(store: Path = STORE) -> None:
    """Remove the Swarms whose process has ended."""
    with machine_lock("swarms"):
        _remove_abandoned(store)


def remove(swarm: Path) -> None:
    """End every machine of a Swarm with all that runs on it, and delete its data.

    No-op when there is none.
    """
    machines = list(_machines(swarm))
    if machines:
        with ThreadPoolExecutor(len(machines)) as pool:
            list(pool.map(Machine.power_off, machines))
    shutil.rmtree(swarm, ignore_errors=True)


def machine_of(swarm: Path, name: str, address: str = "") -> Machine:
    """Return a machine of the Swarm in a directory, running or not."""
    return Machine(name, address, swarm / name, f"{swarm.name}-{name}")


def _machines(swarm: Path) -> Iterator[Machine]:
    for pid_file in swarm.glob("*/*.pid"):
        yield machine_of(swarm, pid_file.stem)


def _remove_abandoned(store: Path) -> None:
    for owner in store.glob(f"*/{_OWNER}"):
        if BackgroundProcess.find(owner) is None:
            remove(owner.parent)
