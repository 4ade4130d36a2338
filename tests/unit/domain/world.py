"""An in-memory world for the use cases: a Docker host, a store, and processes that share them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from rtmanager.adapters.in_memory.backlogs import InMemoryStoreBacklogs
from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.cluster_nodes import InMemoryClusterNodes
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost, InMemoryEngineProbe
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour, MemoryContainer
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.drift_log import InMemoryDriftLog
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.fencing import InMemoryFencing
from rtmanager.adapters.in_memory.game_lease import (
    Grants,
    InMemoryGameLeases,
    LeaseConnection,
    LeaseNumbers,
)
from rtmanager.adapters.in_memory.leadership import Claim
from rtmanager.adapters.in_memory.operation_history import InMemoryOperationHistory
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.operator_events import InMemoryOperatorEvents
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox
from rtmanager.adapters.in_memory.replicas import InMemoryReplicas
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.adapters.in_memory.store import (
    InMemoryEngineHealth,
    InMemoryHealthLog,
    InMemoryRuntimeRecords,
    InMemoryStore,
)
from rtmanager.adapters.in_memory.streams import (
    InMemoryJobStream,
    InMemoryMessagePublisher,
    InMemoryStreams,
)
from rtmanager.bootstrap.cycles import CyclePolicy, CyclePorts, Cycles
from rtmanager.bootstrap.use_cases import Ports, UseCases
from rtmanager.domain.container import ResourceLimits, container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import (
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    StopReason,
)
from rtmanager.domain.operations.container_spec import EnginePolicy, PullPolicy
from rtmanager.domain.reconciliation.drift import GRACE
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

P = TypeVar("P")

GAME = GameId("g1")
IMAGE = "galaxy/game:1.4.7"
PATCHED = "galaxy/game:1.4.8"
OTHER = "galaxy/game:1.5.0"
BROKEN = "galaxy/game:1.4.9"
LAST_WORDS = "no such state file"
LEASE_TTL = 60.0
THRESHOLD = 3
RETENTION = timedelta(days=30)
INSTALLATION = "here"

POLICY = EnginePolicy(
    docker_network=NETWORK,
    mount_path="/var/lib/galaxy-game",
    state_env_name="GAME_STATE_PATH",
    default_limits=ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512),
    max_limits=ResourceLimits(cpu_quota=4.0, memory_bytes=8 << 30, pids_limit=4096),
    read_only_root=False,
    scratch_bytes=64 << 20,
    disk_limit=10 << 30,
    runtime=None,
    state_owner=None,
    pull_policy=PullPolicy.IF_MISSING,
    stop_timeout=30,
    start_gate_timeout=5.0,
    patch_gate_timeout=30.0,
    lease_wait=5.0,
)


class Killed(BaseException):
    """The process was killed; none of our code handles this."""


class Hang:
    """A call that hangs until the test releases it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._go_on = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self._go_on.wait()

    def release(self) -> None:
        """Let the call continue."""
        self._go_on.set()


Fault = Callable[[], Awaitable[None]]


class Process:
    """One manager process: its own use cases and leases on the world's Docker and store."""

    def __init__(self, world: "World", policy: EnginePolicy) -> None:
        self.world = world
        self.calls: list[str] = []
        self.dead = False
        self._faults: dict[int, Fault] = {}
        self._named_faults: dict[str, Fault] = {}
        self.lease_connection = LeaseConnection(
            world.clock, ttl=LEASE_TTL, grants=world.grants, numbers=world.numbers
        )
        self.leases = InMemoryGameLeases(self._faulty(self.lease_connection, "lease"))
        self.host = self._faulty(world.make_host(policy.docker_network), "host")
        self.engine_probe = self._faulty(InMemoryEngineProbe(docker=world.docker), "probe")
        self.ports = Ports(
            records=self._faulty(InMemoryRuntimeRecords(world.store), "records"),
            journal=self._faulty(InMemoryOperationJournal(world.store), "store"),
            history=self._faulty(InMemoryOperationHistory(world.store), "history"),
            health=self._faulty(InMemoryEngineHealth(world.store), "known_health"),
            events=self._faulty(InMemoryOperatorEvents(world.store.event_table), "operator_events"),
            drift_log=self._faulty(InMemoryDriftLog(world.store), "drift_log"),
            replicas=self._faulty(world.replicas, "replicas"),
            backlogs=[self._faulty(InMemoryStoreBacklogs(world.store), "backlogs")],
            leases=self.leases,
            host=self.host,
            nodes=self._faulty(world.nodes, "nodes"),
            probe=self.engine_probe,
            directories=self._faulty(world.directories, "directories"),
            clock=world.clock,
            installation=world.installation,
        )
        self.cases = UseCases.assemble(self.ports, policy)

    @cached_property
    def cycles(self) -> Cycles:
        """Return the process's own cycles, for a test to call."""
        world = self.world
        beyond = CyclePorts(
            health=self._faulty(InMemoryHealthLog(world.store), "health"),
            events=self._faulty(InMemoryContainerEvents(docker=world.docker), "events"),
            jobs=self.jobs,
            outbox=self._faulty(InMemoryOutbox(world.store.outbox_table, world.clock), "outbox"),
            publisher=self._faulty(InMemoryMessagePublisher(world.streams), "publisher"),
            fencing=self._faulty(world.fencing, "fencing"),
        )
        policy = CyclePolicy(
            probe_threshold=THRESHOLD,
            retention=RETENTION,
            disk_limit=self.world.policy.disk_limit,
            grace=GRACE,
        )
        return Cycles.assemble(self.ports, beyond, self.cases, policy)

    @cached_property
    def jobs(self) -> InMemoryJobStream:
        """Return the process's consumer of the Lobby's jobs, which dies with it."""
        return self._faulty(InMemoryJobStream(self.world.streams, self.world.clock), "jobs")

    async def start(self, image: str = IMAGE, game: GameId = GAME) -> RuntimeRecord:
        """Start a game as the Game Master would."""
        return await self.ask(OperationKind.START, game, image_ref=image)

    async def stop(self, game: GameId = GAME) -> RuntimeRecord:
        """Stop a game."""
        return await self.ask(OperationKind.STOP, game, reason=StopReason.FINISHED)

    async def restart(self, game: GameId = GAME) -> RuntimeRecord:
        """Restart a game."""
        return await self.ask(OperationKind.RESTART, game)

    async def patch(self, image: str = PATCHED, game: GameId = GAME) -> RuntimeRecord:
        """Patch a game."""
        return await self.ask(OperationKind.PATCH, game, image_ref=image)

    async def cleanup(self, game: GameId = GAME) -> RuntimeRecord:
        """Clean a game's container up."""
        return await self.ask(OperationKind.CLEANUP_CONTAINER, game)

    async def ask(
        self,
        kind: OperationKind,
        game: GameId = GAME,
        *,
        image_ref: str | None = None,
        reason: StopReason | None = None,
        wait: float | None = None,
    ) -> RuntimeRecord:
        """Request an operation of any kind."""
        request = OperationRequest(
            game_id=game,
            kind=kind,
            origin=self.world.origin(),
            image_ref=image_ref,
            reason=reason,
        )
        return await self.cases.operations.run(request, wait=wait)

    async def resume(self, game: GameId = GAME) -> None:
        """Resume the operation that another process has left open."""
        await self.cases.operations.resume(game)

    async def shut_down(self, limit: float = 0.0) -> int:
        """Cut off what still runs after the limit; return the number of operations."""
        return await self.cases.operations.in_flight.drain(limit)

    async def die(self) -> None:
        """Kill the process now."""
        self.dead = True
        raise Killed

    def on(self, call: str, fault: BaseException | Fault, *, always: bool = False) -> None:
        """Raise or run `fault` at the next call of this name, or at every one."""
        once = _as_fault(fault)

        async def fail() -> None:
            if not always:
                del self._named_faults[call]
            await once()

        self._named_faults[call] = fail

    def at(self, index: int, fault: BaseException | Fault) -> None:
        """Raise or run `fault` at the call of this index, counted from now."""
        self._faults[len(self.calls) + index] = _as_fault(fault)

    def kill_at(self, index: int) -> None:
        """Kill the process at the call of this index, counted from now."""
        self.at(index, self.die)

    def _faulty(self, port: P, name: str) -> P:
        return with_faults(port, name, self._fault)

    async def _fault(self, call: str) -> None:
        if self.dead:
            raise Killed
        index = len(self.calls)
        self.calls.append(call)
        self.world.watch(call)
        for fault in (self._faults.pop(index, None), self._named_faults.get(call)):
            if fault is not None:
                await fault()


@dataclass(kw_only=True)
class World:
    """A Docker host with images, a store, leases, and the first process on them."""

    policy: EnginePolicy = POLICY
    clock: ManualClock = field(default_factory=ManualClock)
    grants: Grants = field(default_factory=dict)
    numbers: LeaseNumbers = field(default_factory=LeaseNumbers)
    streams: InMemoryStreams = field(default_factory=InMemoryStreams)
    store: InMemoryStore = field(default_factory=InMemoryStore)
    directories: InMemoryStateDirectories = field(default_factory=InMemoryStateDirectories)
    source: OpSource = OpSource.GM_REST
    doubled: list[str] = field(default_factory=list)
    _requests: int = 0

    def __post_init__(self) -> None:
        self.fencing = InMemoryFencing()
        self.replicas = InMemoryReplicas(self.clock, Claim())
        self.installation = Installation(NETWORK, INSTALLATION)
        self.docker = InMemoryDocker(clock=self.clock)
        self.nodes = InMemoryClusterNodes(self.clock)
        for reference in (IMAGE, PATCHED, OTHER):
            self.docker.add_image(reference)
        self.image(BROKEN, exits_after=0.1, exit_code=3, healthy_after=None, output=(LAST_WORDS,))
        self.manager = self.process()

    def make_host(self, network: str) -> InMemoryContainerHost:
        """Return a process's client of Docker."""
        return InMemoryContainerHost(docker=self.docker, network=network)

    def process(self) -> Process:
        """Return one more process on the same host, store and leases."""
        return Process(self, self.policy)

    def image(self, reference: str, **behaviour: object) -> None:
        """Put an image with this behaviour on the host."""
        self.docker.add_image(reference, behaviour=ImageBehaviour(**behaviour))  # type: ignore[arg-type]

    def origin(self) -> Origin:
        """Return the origin of one more request."""
        self._requests += 1
        return Origin(self.source, f"r{self._requests}")

    @property
    def record(self) -> RuntimeRecord | None:
        """Return the game's record."""
        return self.store.runtime_records.get(GAME)

    @property
    def operations(self) -> list[Operation]:
        """Return the operation log, oldest first."""
        return list(self.store.operations.values())

    @property
    def last(self) -> Operation:
        """Return the latest operation."""
        return self.operations[-1]

    @property
    def containers(self) -> dict[str, MemoryContainer]:
        """Return the host's containers by name."""
        return {each.name: each for each in self.docker.containers.values()}

    @property
    def engine(self) -> MemoryContainer:
        """Return the container that has the game's name."""
        return self.containers[container_name(GAME)]

    def watch(self, call: str) -> None:
        """Record whether two engines of one game ever run at once."""
        running = [each for each in self.docker.containers.values() if each.is_running]
        if len(running) < 2:
            return
        games = [each.listed().game_id for each in running if each.listed().has_our_labels]
        if len(games) != len(set(games)):
            self.doubled.append(call)

    def after_the_lease(self) -> None:
        """Let the lease of a dead process expire."""
        self.clock.advance(LEASE_TTL)

    async def docker_leaves(self) -> None:
        """Make Docker unreachable."""
        self.docker.reachable = False

    async def lease_expires(self) -> None:
        """Take the game's lease from whoever holds it."""
        self.grants.pop(GAME, None)

    async def lease_store_is_flushed(self) -> None:
        """Lose every lease and every number that was drawn."""
        self.grants.clear()
        self.numbers.forget()

    @property
    def events(self) -> list[str]:
        """Return the types of all health events in the outbox, oldest first."""
        fields = (each.fields for each in self.store.outbox)
        return [each["event_type"] for each in fields if "event_type" in each]

    def faults(self, *, parked_may_stay: bool = False) -> list[str]:
        """Return every inconsistency of the game; empty when record, log and Docker agree.

        `parked_may_stay` ignores a stopped container that was parked.
        """
        self.docker.catch_up()
        found = [f"two engines ran at {call}" for call in self.doubled]
        found += [f"{each.kind} {each.id} is open" for each in self.operations if not each.outcome]
        now = self.clock.monotonic()
        held = [game for game, grant in self.grants.items() if not grant.is_over(now)]
        found += [f"lease of {game} is held" for game in held]
        ours = [each for each in self.docker.containers.values() if each.listed().has_our_labels]
        if parked_may_stay:
            name = container_name(GAME)
            ours = [each for each in ours if each.name == name or each.is_running]
        return found + _disagreements(self.record, ours)


def _disagreements(record: RuntimeRecord | None, ours: list[MemoryContainer]) -> list[str]:
    shown = sorted((each.id, each.name, each.is_running) for each in ours)
    if record is None or record.status is RuntimeStatus.REMOVED:
        expected = []
    else:
        runs = record.status is RuntimeStatus.RUNNING
        expected = [(record.current_container_id, container_name(GAME), runs)]
    return [] if shown == expected else [f"{record and record.status}: {expected}, not {shown}"]


def _as_fault(fault: BaseException | Fault) -> Fault:
    if not isinstance(fault, BaseException):
        return fault

    async def fail() -> None:
        raise fault

    return fail
