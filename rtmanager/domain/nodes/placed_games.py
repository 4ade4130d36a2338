"""The containers of games by the node that they are on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.installation import Installation
from rtmanager.domain.node import NodeId
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

Placed = tuple[GameId, EngineContainer]


@dataclass(frozen=True, slots=True)
class PlacedGames:
    """Finds the games that are on a node, by their containers."""

    host: ContainerHost
    installation: Installation

    async def on(self, nodes: Collection[NodeId]) -> Sequence[Placed]:
        """Return our containers on these nodes, in any state; one list, or none without a node."""
        if not nodes:
            return ()
        listed = await self.host.list_containers()
        ours = (each for each in listed if each.installation == self.installation.id)
        there = [each for each in ours if each.placement and each.placement.node in nodes]
        named = ((parse_game_id(each.game_id or ""), each) for each in there)
        return [(game_id, each) for game_id, each in named if game_id]


async def is_current(records: RuntimeRecords, placed: Placed) -> bool:
    """Return whether the game's record is `running` in this container."""
    game_id, container = placed
    return runs_in(await records.get(game_id), container)


def runs_in(record: RuntimeRecord | None, container: EngineContainer) -> bool:
    """Return whether the record is `running` in this container."""
    if record is None or record.status is not RuntimeStatus.RUNNING:
        return False
    return record.current_container_id == container.id
