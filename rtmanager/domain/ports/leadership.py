"""One replica leads; the others stand by."""

from typing import Protocol


class Leadership(Protocol):
    """A claim to lead that at most one process holds at a time.

    It is tied to a connection to the store: a process that dies or is cut off loses it
    automatically, and another can take it within seconds.
    """

    @property
    def number(self) -> int | None:
        """The number by which the store knows our claim, granted or not; None without one."""

    async def campaign(self) -> bool:
        """Try once to become the leader; return whether we lead now. No-op for the leader.

        Raises ServiceUnavailable when the store cannot be reached.
        """

    async def confirm(self) -> bool:
        """Ask the store whether we still lead; False when the claim or the connection is gone."""

    async def resign(self) -> None:
        """Give up the claim, so that another can lead immediately; no-op when we do not lead."""
