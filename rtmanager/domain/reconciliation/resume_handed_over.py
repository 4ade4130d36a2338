"""Setting going what a replica has handed over, without waiting for the next reconciliation."""

from dataclasses import dataclass, field

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy


@dataclass(slots=True)
class ResumeHandedOver:
    """Resumes the operations that were handed over.

    Each once: one that could not go on is handed over once more by this very process, and left to
    the reconciliation, which comes more rarely.
    """

    operations: Operations
    host: ContainerHost
    _set_going: set[Fence] = field(default_factory=set, init=False)

    async def run(self) -> str:
        """Resume them in the background and return how many; empty when there were none.

        Raises DockerUnavailable when Docker is away: they would only be handed over once more.
        Raises ServiceUnavailable.
        """
        handed_over = await self.operations.journal.handed_over()
        due = {each: game for each, game in handed_over.items() if each not in self._set_going}
        if not due:
            return ""
        await self.host.ping()
        gone_on = [each for each, game_id in due.items() if await self._resume(game_id)]
        self._set_going.update(gone_on)
        return f"set going what was handed over: {len(gone_on)}" if gone_on else ""

    async def _resume(self, game_id: GameId) -> bool:
        """Set the game's operation going unless its lease is held.

        A start that waits for its turn is marked handed over as well, and its holder is at it.
        """

        async def resume(_lease: GameLease) -> bool:
            self.operations.resume_in_background(game_id)
            return True

        try:
            return await self.operations.under_lease(game_id, resume, wait=0.0)
        except LeaseBusy:
            return False
