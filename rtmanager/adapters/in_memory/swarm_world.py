"""The state of an in-memory Swarm, its time, and what befalls its nodes."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_effects import (
    CLOSE_ENOUGH,
    Act,
    Effect,
    EffectQueue,
    FateOf,
    Moment,
)
from rtmanager.adapters.in_memory.docker_networks import AddressSpace
from rtmanager.adapters.in_memory.docker_objects import KILLED, OOM_KILLED, MemoryImage
from rtmanager.adapters.in_memory.swarm_agents import Agents
from rtmanager.adapters.in_memory.swarm_managers import Managers
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_outdated import Known, Outdated
from rtmanager.adapters.in_memory.swarm_services import MemoryService, mounted
from rtmanager.adapters.in_memory.swarm_tasks import MemoryTask
from rtmanager.adapters.in_memory.swarm_values import new_id
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import DockerUnavailable

T = TypeVar("T")
NETWORK = "galaxy-net"
POWER_LOST = 255


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How many seconds the steps of a Swarm take, as measured on three engines."""

    place: float = 0.05
    receive: float = 0.1
    prepare: float = 0.2
    pull: float = 0.7
    start: float = 0.4
    stop: float = 3.1
    """From the order to the signal."""
    forget: float = 0.3
    until_down: float = 12.0
    until_heard: float = 2.0
    until_known: float = 3.0
    """From a new leader to its knowledge of the nodes."""


@dataclass(kw_only=True)
class InMemorySwarm:
    """Managers, nodes, services and tasks, with the engines that really run.

    It outlives those who use it through InMemorySwarmApi. Tests and the simulation change it with
    the methods here, like someone in the data centre, and read the public fields. What takes time
    happens when it is due: at `next_due`, when `catch_up` is called. `find_image` returns the image
    that a service's reference means; `fate_of` decides the fate of each changing request.
    """

    clock: Clock = field(default_factory=ManualClock)
    nodes: dict[str, MemoryNode] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=lambda: {NETWORK: new_id("network", 0)})
    services: dict[str, MemoryService] = field(default_factory=dict)
    tasks: dict[str, MemoryTask] = field(default_factory=dict)
    find_image: Callable[[str], MemoryImage | None] = lambda _reference: None
    path_exists: Callable[[str], bool] = lambda _path: True
    durations: Durations = field(default_factory=Durations)
    fate_of: FateOf | None = None
    reachable: bool = True
    leaderless_until: float = 0.0
    addresses: AddressSpace = field(default_factory=AddressSpace)
    alive: dict[str, MemoryTask] = field(default_factory=dict)
    outdated: dict[str, Outdated] = field(default_factory=dict)
    _index: int = field(default=10, init=False)
    _happening: Moment | None = field(default=None, init=False)
    _numbers: int = field(default=0, init=False)
    _effects: EffectQueue = field(default_factory=EffectQueue, init=False)

    def __post_init__(self) -> None:
        """Put managers and agents on the state."""
        self.agents = Agents(self)
        self.managers = Managers(self)

    def add_node(self, name: str, *, cpus: float = 64.0, is_manager: bool = False) -> MemoryNode:
        """Let one more node join."""
        node = MemoryNode(
            id=new_id("node", len(self.nodes)),
            name=name,
            created_at=self.moment.wall,
            cpus=cpus,
            is_manager=is_manager,
            version=self.next_index(),
        )
        self.nodes[node.id] = node
        return node

    # What befalls the nodes and their engines.

    def power_off(self, node: MemoryNode) -> None:
        """Let the node lose its power: its engines are gone at once, and nobody is told."""
        self.catch_up()
        self.agents.die_with(node, POWER_LOST)
        node.is_powered = node.daemon_runs = False
        self._fall_silent(node)

    def kill_daemon(self, node: MemoryNode) -> None:
        """Kill the node's dockerd; its engines run on until it is back."""
        self.catch_up()
        node.daemon_runs = False
        self._fall_silent(node)

    def partition(self, node: MemoryNode) -> None:
        """Cut the node's link; its engines run on and write."""
        self.catch_up()
        node.is_linked = False
        self._fall_silent(node)

    def bring_back(self, node: MemoryNode) -> None:
        """Restore the node's power, daemon and link; the managers hear of it soon."""
        self.catch_up()
        self.agents.restart(node)
        node.is_powered = node.daemon_runs = node.is_linked = True
        self.after(self.durations.until_heard, lambda _: self.managers.hear(node))

    def lose_leader(self, seconds: float) -> None:
        """Let the managers have no leader for a while: they answer nobody and decide nothing."""
        self.catch_up()
        self.leaderless_until = self.clock.monotonic() + seconds
        self.after(seconds, lambda _: self.managers.elect())

    def mislead(self, client: str, seconds: float, *, is_left: bool = True) -> None:
        """Let a former leader answer a client's reads from what is known now, for so long.

        It cannot make changes: the client goes to another manager with one, and if `is_left`, with
        its reads from then on.
        """
        self.catch_up()
        until = self.clock.monotonic() + seconds
        self.outdated[client] = Outdated.of(self, until=until, is_left=is_left)

    def crash(self, service_id: str, *, exit_code: int = 1) -> None:
        """Let the service's engines exit on their own."""
        self._end(service_id, exit_code)

    def oom(self, service_id: str) -> None:
        """Let the kernel kill the service's engines for lack of memory, which Swarm never shows."""
        self._end(service_id, OOM_KILLED)

    def kill(self, service_id: str) -> None:
        """Let someone on the node kill the service's engines."""
        self._end(service_id, KILLED)

    def _end(self, service_id: str, exit_code: int) -> None:
        self.catch_up()
        for task in [each for each in self.alive.values() if each.service_id == service_id]:
            if task.engine is not None:
                task.engine.exit(self.moment, exit_code)
                self.agents.look_at(task, self.moment)

    def _fall_silent(self, node: MemoryNode) -> None:
        if node.silent_since is None:
            since = node.silent_since = self.clock.monotonic()
            down = self.durations.until_down
            self.after(down, lambda _: self.managers.miss(node, since))

    # The truth.

    def writers(self) -> Mapping[str, set[str]]:
        """Return the tasks whose engines can write, by the path of the state that they write to."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for task in self.alive.values():
            for path in mounted(task.template):
                found[path].add(task.id)
        return found

    def tasks_of(self, service_id: str) -> Iterator[MemoryTask]:
        """Return the tasks of a service, oldest first, also those of one that is removed."""
        return (each for each in self.tasks.values() if each.service_id == service_id)

    def at_address(self, address: str) -> MemoryTask | None:
        """Return the task whose engine answers at this address now, where messages get through."""
        self.catch_up()
        return next(
            (
                task
                for task in self.alive.values()
                if address in task.addresses.values() and task.node and task.node.is_linked
            ),
            None,
        )

    # Time.

    @property
    def moment(self) -> Moment:
        """The current moment, or that of what is happening while time catches up."""
        return self._happening or self._moment_of(self.clock.monotonic())

    @property
    def has_leader(self) -> bool:
        """Return whether the managers can decide anything."""
        return self.moment.elapsed >= self.leaderless_until - CLOSE_ENOUGH

    @property
    def next_due(self) -> float | None:
        """When something will happen without a request, in the clock's monotonic seconds."""
        return self._effects.next_due

    def catch_up(self) -> None:
        """Run everything that is due, in order and each at its own moment."""
        now = self.clock.monotonic() + CLOSE_ENOUGH
        while self._happening is None and (due := self.next_due) is not None and due <= now:
            self._happening = moment = self._moment_of(due)
            self._effects.pop().happen(moment)
            self._happening = None

    def after(self, seconds: float, act: Act[T]) -> Effect[T]:
        """Do something in so many seconds."""
        effect = Effect(self.moment.elapsed + seconds, act)
        self._effects.add(effect)
        return effect

    def next_index(self) -> int:
        """Return the next number of the managers' common log, which is the version of a change."""
        self._index += 1
        return self._index

    def next_number(self) -> int:
        """Return the number of a new object."""
        self._numbers += 1
        return self._numbers

    def demand_managers(self) -> None:
        """Raise DockerUnavailable unless a manager answers that knows a leader."""
        if not self.reachable:
            raise DockerUnavailable("no manager of the Swarm answers")
        if not self.has_leader:
            raise DockerUnavailable(
                "rpc error: code = Unknown desc = The swarm does not have a leader"
            )
        self.catch_up()

    def known_to(self, client: str) -> Known:
        """Return what the manager shows that this client asks. Raises DockerUnavailable."""
        outdated = self.outdated.get(client)
        if outdated is not None and self.reachable and self.clock.monotonic() < outdated.until:
            self.catch_up()
            return outdated
        self.outdated.pop(client, None)
        self.demand_managers()
        return self

    def note_change(self, client: str) -> None:
        """Let a client that sends a change leave the former leader."""
        outdated = self.outdated.get(client)
        if outdated is not None and outdated.is_left:
            del self.outdated[client]

    def _moment_of(self, elapsed: float) -> Moment:
        ago = timedelta(seconds=self.clock.monotonic() - elapsed)
        return Moment(self.clock.now() - ago, elapsed)
