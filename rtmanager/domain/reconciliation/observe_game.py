"""Observing one game as the reconciler does: its record, its open operation, its containers."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.reconciliation.drift import GameView


@dataclass(frozen=True, slots=True)
class ObserveGame:
    """Inspects each container of a game, because Docker's list lags behind."""

    records: RuntimeRecords
    journal: OperationJournal
    host: ContainerHost
    installation: Installation

    async def run(self, game_id: GameId) -> tuple[GameView, Sequence[ContainerDetails]]:
        """Return the game and its containers in detail.

        Raises DockerUnavailable, HostRefused, ServiceUnavailable.
        """
        record = await self.records.get(game_id)
        operation = await self.journal.open_operation(game_id)
        ids = {each.id for each in await self.host.containers_of(game_id)}
        if record is not None and record.current_container_id is not None:
            ids.add(record.current_container_id)
        seen = [await self.host.inspect(each) for each in sorted(ids)]
        found = (each for each in seen if each is not None)
        ours = self.installation.own(found, record=record, operation=operation)
        return (
            GameView(game_id=game_id, record=record, containers=ours, open_operation=operation),
            ours,
        )
