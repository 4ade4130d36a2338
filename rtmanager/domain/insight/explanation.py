"""Why a game is in its state: everything that is known about it, and one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtmanager.domain.container import ContainerDetails, container_name
from rtmanager.domain.errors import DockerUnavailable, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.facts import Facts
from rtmanager.domain.insight.health import health_of
from rtmanager.domain.insight.summary import summary
from rtmanager.domain.operation import Operation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import HostRefused
from rtmanager.domain.ports.engine_health import EngineHealth
from rtmanager.domain.ports.operation_history import OperationFilter, OperationHistory
from rtmanager.domain.reconciliation.drift import GameView, find_drift
from rtmanager.domain.reconciliation.observe_game import ObserveGame
from rtmanager.domain.runtime import RuntimeRecord

LAST_OPERATIONS = 10
ROUNDS = 3
"""How often a game is looked at until it holds still: an operation may finish meanwhile."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The facts, and what they come to."""

    facts: Facts
    summary: str


@dataclass(frozen=True, slots=True)
class ExplainRuntime:
    """Gathers what is known about a game; changes nothing."""

    observe: ObserveGame
    history: OperationHistory
    health: EngineHealth
    clock: Clock
    grace: float

    async def run(self, game_id: GameId) -> Explanation:
        """Explain the game.

        Raises NotFound for one that nobody has asked for, ServiceUnavailable. While Docker is
        unavailable the rest is explained.
        """
        facts = await self._stored(game_id)
        for _ in range(ROUNDS):
            seen = await self._with_docker(facts)
            again = await self._stored(game_id)
            if _is_same(facts, again):
                return Explanation(seen, summary(seen))
            facts = again
        return Explanation(seen, summary(seen))

    async def _stored(self, game_id: GameId) -> Facts:
        """Return what the database has, in this order: a record includes its finished operation."""
        open_operation = await self.observe.journal.open_operation(game_id)
        wanted = OperationFilter(game_id=game_id)
        operations = await self.history.find(wanted, limit=LAST_OPERATIONS)
        record = await self.observe.records.get(game_id)
        if record is None and not operations:
            raise NotFound("nobody has asked for this game yet, so there is nothing to explain")
        health = None if record is None else health_of(record, await self.health.of(game_id))
        return Facts(
            game_id=game_id,
            record=record,
            cause=await self._cause(record),
            open_operation=open_operation,
            operations=operations,
            health=health,
        )

    async def _cause(self, record: RuntimeRecord | None) -> Operation | None:
        """Return the operation that last changed the record."""
        return None if record is None else await self.history.get(record.fence)

    async def _with_docker(self, facts: Facts) -> Facts:
        try:
            view, containers = await self.observe.run(facts.game_id)
        except (DockerUnavailable, HostRefused) as error:
            return replace(facts, docker_error=error.message)
        drift = find_drift(view, now=self.clock.now(), grace=self.grace)
        return replace(facts, drift=drift, container=_shown(view, containers))


def _shown(view: GameView, ours: Sequence[ContainerDetails]) -> ContainerDetails | None:
    """Return the record's container, or else the one that has the engine's name, or any."""
    name, current = container_name(view.game_id), view.current
    return max(ours, key=lambda each: (each is current, each.name == name), default=None)


def _is_same(before: Facts, after: Facts) -> bool:
    """Return whether nothing has begun, finished or changed the record between the two."""
    return (before.record, before.operations[:1], before.open_operation) == (
        after.record,
        after.operations[:1],
        after.open_operation,
    )
