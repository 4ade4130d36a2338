"""A world with nodes: where engines are, what a node that is down hides, and how it comes back.

Engines run in the in-memory Docker; this adds what a Swarm shows of them. The faithful double of a
Swarm's own requests is that of the adapter's tests.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    container_name,
)
from rtmanager.domain.errors import ContainerStartFailed, DockerUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState, Placement
from rtmanager.domain.ports.container_host import ContainerRuns
from rtmanager.domain.runtime import RuntimeRecord
from tests.unit.domain.world import GAME, World

Seen = TypeVar("Seen", bound=EngineContainer)

CLOSED = {NodeMark.DRAIN, NodeMark.OFF}


@dataclass(kw_only=True)
class SwarmWorld(World):
    """A world whose engines are on the nodes `a`, `b` and `c`; `unheard` were on a node as it went.

    Each start is a task: placed on the node with the fewest, at a time. A container is never placed
    on a node that was closed when it was created; one from before may be.
    """

    tasks: dict[ContainerId, tuple[NodeId, datetime]] = field(default_factory=dict)
    excluded: dict[ContainerId, set[NodeId]] = field(default_factory=dict)
    unheard: set[ContainerId] = field(default_factory=set)
    ended_by_swarm: set[ContainerId] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in "abc":
            self.nodes.add(name)

    def make_host(self, network: str) -> InMemoryContainerHost:
        """Return a host that shows where each engine is."""
        return PlacedHost(docker=self.docker, network=network, swarm=self)

    def node(self, name: str) -> Node:
        """Return a node as it is now."""
        return self.nodes.nodes[NodeId(f"id-of-{name}")]

    def node_of(self, game: GameId = GAME) -> str:
        """Return the name of the node of the game's engine."""
        container = self.containers[container_name(game)]
        return self.nodes.nodes[self.tasks[container.id][0]].name

    def on(self, name: str) -> list[MemoryContainer]:
        """Return the containers whose last task was on this node."""
        there = self.node(name).id
        return [each for key, each in self.docker.containers.items() if self._is_on(key, there)]

    def _is_on(self, container_id: ContainerId, node: NodeId) -> bool:
        return container_id in self.tasks and self.tasks[container_id][0] == node

    def partition(self, name: str) -> None:
        """Let the managers hear nothing of the node; its engines go on."""
        self.docker.catch_up()
        self.unheard |= {each.id for each in self.on(name) if each.is_running}
        self.nodes.change(self.node(name).id, state=NodeState.DOWN)

    def power_off(self, name: str) -> None:
        """Let the node and its engines end, which the managers cannot know."""
        self.partition(name)
        for each in self.on(name):
            self.docker.crash(each.id, exit_code=137)

    def reconnect(self, name: str) -> None:
        """Let the managers hear of the node again, before they have ended what was on it."""
        self.nodes.change(self.node(name).id, state=NodeState.READY)

    def end_what_was_there(self, name: str) -> None:
        """Let Swarm end what it had given up, as it does some seconds after a node's return."""
        for each in self.on(name):
            if each.id in self.unheard:
                self.unheard.discard(each.id)
                self.ended_by_swarm |= {each.id} if each.is_running else set()
                self.docker.crash(each.id, exit_code=143)

    def come_back(self, name: str) -> None:
        """Let the node come back, and Swarm end what was on it."""
        self.reconnect(name)
        self.end_what_was_there(name)

    def exclude(self, container_id: ContainerId) -> None:
        """Let the container be placed on no node that is closed now."""
        closed = (each for each in self.nodes.nodes.values() if CLOSED & each.marks.keys())
        self.excluded[container_id] = {each.id for each in closed}

    def place(self, container_id: ContainerId) -> None:
        """Give the container a task on the node with the fewest; raises ContainerStartFailed."""
        ready = (each for each in self.nodes.nodes.values() if each.state is NodeState.READY)
        free = [each for each in ready if each.id not in self.excluded.get(container_id, ())]
        if not free:
            raise ContainerStartFailed("no suitable node (3 nodes not available)")
        node = min(free, key=lambda each: (len(self.on(each.name)), each.name))
        self.tasks[container_id] = (node.id, self.clock.now())
        self.unheard.discard(container_id)
        self.ended_by_swarm.discard(container_id)

    def shown(self, view: Seen) -> Seen:
        """Return the container as a Swarm shows it."""
        if view.id not in self.tasks:
            return view
        node_id, placed_at = self.tasks[view.id]
        node = self.nodes.nodes[node_id]
        placement = Placement(node=node.id, name=node.name, is_down=node.is_down)
        view = replace(view, placement=placement)
        if node.is_down and view.id in self.unheard:
            is_off = node.marks.get(NodeMark.OFF, datetime.min.replace(tzinfo=placed_at.tzinfo))
            return _ended(view) if is_off >= placed_at else _unheard(view)
        if view.is_running:
            return view
        interrupted = node.marks.get(NodeMark.INTERRUPTED)
        by_node = view.id in self.ended_by_swarm or (interrupted and interrupted >= placed_at)
        return replace(view, ended_with_node=bool(by_node))

    def check_in_reach(self, container: str) -> None:
        """Raise DockerUnavailable for an engine that nobody can reach."""
        found = self._find(container)
        if found is not None and (seen := self.shown(found.details())).is_out_of_reach:
            assert seen.placement is not None
            raise DockerUnavailable(seen.placement.down_words)

    def _find(self, container: str) -> MemoryContainer | None:
        return self.docker.containers.get(ContainerId(container)) or self.docker.holder_of(
            container
        )

    def id_of(self, container: str) -> ContainerId | None:
        """Return the id of the container with this id or name."""
        found = self._find(container)
        return None if found is None else found.id

    @property
    def now(self) -> RuntimeRecord:
        """Return the game's record, which is there."""
        assert self.record is not None
        return self.record


def _unheard(view: Seen) -> Seen:
    """Return the container as it was last heard of."""
    return replace(view, status=ContainerStatus.RUNNING)


def _ended(view: Seen) -> Seen:
    """Return a container of a node that is off."""
    ended = replace(view, status=ContainerStatus.EXITED, ended_with_node=True, address=None)
    return replace(ended, exit_code=None) if isinstance(ended, ContainerDetails) else ended


@dataclass(frozen=True, kw_only=True)
class PlacedHost(InMemoryContainerHost):
    """The in-memory Docker as a Swarm shows it."""

    swarm: SwarmWorld

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container that is never placed on a node which is closed now."""
        container_id = await super().create(spec)
        self.swarm.exclude(container_id)
        return container_id

    async def start(self, container: str) -> None:
        """Start the container on a node."""
        container_id = self.swarm.id_of(container)
        if container_id is not None:
            self.swarm.place(container_id)
        await super().start(container)

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop the container, if its node can be reached."""
        self.swarm.check_in_reach(container)
        await super().stop(container, grace=grace)

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, unless it may run."""
        try:
            self.swarm.check_in_reach(container_id)
        except DockerUnavailable as error:
            raise ContainerRuns from error
        await super().remove(container_id)

    def _from_here(self, view: Seen) -> Seen:
        return self.swarm.shown(super()._from_here(view))
