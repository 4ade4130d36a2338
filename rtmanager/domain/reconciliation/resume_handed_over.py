"""Resuming handed-over operations without waiting for the next reconciliation."""

from dataclasses import dataclass, field

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy


@dataclass(slots=True)
class ResumeHandedOver:
    """Resumes each handed-over operation once.

    One that cannot complete is handed over again by this process, and then left to the
    reconciliation, which runs less often.
    """

    operations: Operations
    host: ContainerHost
    _resumed: set[Fence] = field(default_factory=set, init=False)

    async def run(self) -> str:
        """Resume them in the background and return their number; empty when there were none.

        Raises DockerUnavailable when Docker does not answer: they would only be handed over again.
        Raises ServiceUnavailable.
        """
        handed_over = await self.operations.journal.handed_over()
        due = {each: game for each, game in handed_over.items() if each not in self._resumed}
        if not due:
            return ""
        await self.host.ping()
        resumed = [each for each, game_id in due.items() if await self._resume(game_id)]
        self._resumed.update(resumed)
        return f"handed-over operations resumed: {len(resumed)}" if resumed else ""

    async def _resume(self, game_id: GameId) -> bool:
        """Resume the game's operation in the background, unless its lease is held.

        A start waiting for its turn is marked as handed over too, but its holder still runs it.
        """

        async def resume(_lease: GameLease) -> bool:
            self.operations.resume_in_background(game_id)
            return True

        try:
            return await self.operations.under_lease(game_id, resume, wait=0.0)
        except LeaseBusy:
            return False
