"""The cycles of the nodes' workers of one manager process in a Swarm."""

from collections.abc import Awaitable, Callable, Sequence

from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import NodeMark
from tests.unit.domain.swarm import SwarmWorld
from tests.unit.domain.world import IMAGE, Killed, Process

GAMES = [GameId(f"g{number}") for number in range(1, 7)]
"""Two on each node."""


class NodeCycles:
    """What the leader does about nodes."""

    def __init__(self, swarm: SwarmWorld, process: Process | None = None) -> None:
        self.swarm = swarm
        self.process = process or swarm.manager
        cycles = self.process.cycles
        self.watch, self.fence = cycles.watch_nodes, cycles.fence_nodes
        self.move, self.drain = cycles.move_lost_games, cycles.drain_nodes
        self.reconcile = cycles.reconcile

    async def start(self, games: Sequence[GameId] = GAMES) -> None:
        """Start these games: one after the other on each node."""
        for each in games:
            await self.process.start(IMAGE, each)

    async def die_at(self, step: int, *, of: Callable[[], Awaitable[object]]) -> "NodeCycles":
        """Let the process end at a step of its cycle; return those of the next leader."""
        self.process.kill_at(step)
        try:
            await of()
        except (Killed, BaseExceptionGroup):
            self.swarm.after_the_lease()
        return NodeCycles(self.swarm, self.swarm.process())

    async def resume_all(self) -> None:
        """Go on with every operation that is open."""
        for game in GAMES:
            await self.process.resume(game)

    def marks(self, name: str) -> set[NodeMark]:
        """Return the marks of the node."""
        return set(self.swarm.node(name).marks)

    def places(self) -> dict[str, str]:
        """Return the node of each running game's engine."""
        records = self.swarm.store.runtime_records.values()
        return {each.game_id: self.swarm.node_of(each.game_id) for each in records}

    @property
    def running(self) -> list[str]:
        """Return the games whose engines run, each as often as it does."""
        engines = (each for each in self.swarm.docker.containers.values() if each.is_running)
        return sorted(each.listed().game_id or "" for each in engines)
