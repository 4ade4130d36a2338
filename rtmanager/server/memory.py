"""What keeps the process small: how it allocates memory, and when it collects garbage."""

import ctypes
import gc

_M_ARENA_MAX = -8
"""Of mallopt(3)."""


def share_one_arena() -> None:
    """Let all threads allocate from one arena; a no-op where the C library has no such setting.

    By default each thread has its own, and keeps what a list of a thousand containers once took.
    Threads of Python wait for each other anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def collect_garbage() -> None:
    """Begin to collect garbage, of what is made from now on: what was made so far stays.

    Without this every full collection would go through all modules, and stop requests meanwhile.
    """
    gc.freeze()
    gc.enable()
