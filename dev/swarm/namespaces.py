"""Network namespaces: to act in one, and sockets that stay in the one where they were made."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path("/proc/thread-self/ns/net")
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def enter(namespace: Path) -> None:
    """Move this thread into a network namespace; threads that it starts are in it too."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _set(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Let this thread run the block in a network namespace.

    A socket belongs for ever to the namespace in which it was made, wherever it is used.
    """
    before = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(namespace)
        yield
    finally:
        _set(before)
        os.close(before)


def _set(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot enter a network namespace: {os.strerror(number)}")
