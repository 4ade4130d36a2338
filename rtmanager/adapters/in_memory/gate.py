"""The one place where a double waits: before and after the effect of every call."""

from collections.abc import Awaitable, Callable

Gate = Callable[[str], Awaitable[None]]
"""Awaited as `gate("host.start")` before the effect and `gate("host.start:done")` after it.

Raising before the effect is a call that never arrived; raising after it is a reply that was lost.
"""


async def open_gate(_call: str) -> None:
    """Let every call pass at once."""
