"""What the simulated games run on: a Docker, or a Swarm of several nodes."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, cast

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.fencing import InMemoryFencing
from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_outputs import InMemoryImages, InMemoryOutputs
from rtmanager.adapters.in_memory.swarm_values import rendered
from rtmanager.adapters.in_memory.swarm_world import Durations, InMemorySwarm
from rtmanager.adapters.single_host import SingleHost
from rtmanager.adapters.swarm.api import SwarmApi
from rtmanager.adapters.swarm.host import SwarmContainerHost
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.domain.container import ContainerId
from rtmanager.domain.node import NodeMark
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.fencing import Fencing
from rtmanager.domain.runtime import RuntimeStatus
from tests.simulation.events import CHANGES, SWARM_CHANGES
from tests.simulation.fencing import FENCES, SimulatedFencing
from tests.simulation.node_faults import LINK, POWER, client_of
from tests.simulation.policy import LEISURELY, add_images, repair_images
from tests.simulation.swarm_docker import SwarmAsDocker

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process

LAGS = (0.0, 0.0, 0.008, 1.0)
BRIEF = Durations(place=0.02, receive=0.02, prepare=0.05, start=0.1, stop=0.3)
"""Shorter than measured: how often a task is looked at decides nothing."""
POLICY = SwarmPolicy(
    network=NETWORK, reserved_cpu=0.1, reserved_memory=0.1, timeout=3.0, pull_timeout=5.0
)


class Platform(Protocol):
    """Where engines run, and how a process reaches it."""

    @property
    def docker(self) -> InMemoryDocker:
        """The Docker that has the images, and the containers as they truly are."""

    def host(self, process: "Process") -> ContainerHost:
        """Return the process's connection to the containers."""

    def nodes(self, process: "Process") -> ClusterNodes:
        """Return the process's connection to the nodes."""

    def fencing(self, process: "Process") -> Fencing:
        """Return the process's fence command."""

    def violations(self) -> list[str]:
        """Return what must never be true at any moment."""

    def strike(self, node: MemoryNode, kind: str) -> None:
        """Take a node's power, link or daemon away."""

    def restore(self) -> None:
        """Give back whatever was taken away."""

    def was_interrupted(self, container: ContainerId) -> bool:
        """Return whether the engine was on a lost node last, and the service has noticed that."""

    def outages(self) -> list[str]:
        """Return what the service still remembers of outages."""


class DockerPlatform:
    """One Docker host."""

    def __init__(self, environment: "Environment") -> None:
        random = Random(f"docker {environment.seed}")  # noqa: S311 - a history, not a secret
        self.docker = InMemoryDocker(
            clock=environment.host_clock, fate_of=environment.faults.fate_of
        )
        self.docker.lag = random.choice(LAGS)
        self.docker.durations = dict(random.choice(({}, LEISURELY)))
        add_images(self.docker)

    def host(self, process: "Process") -> ContainerHost:
        """Return the process's connection to Docker."""
        del process
        return InMemoryContainerHost(docker=self.docker)

    def nodes(self, process: "Process") -> ClusterNodes:
        """Return no nodes."""
        del process
        return SingleHost()

    def fencing(self, process: "Process") -> Fencing:
        """Return no command."""
        del process
        return InMemoryFencing()

    def violations(self) -> list[str]:
        """Return nothing: containers are checked elsewhere."""
        return []

    def strike(self, node: MemoryNode, kind: str) -> None:
        """Do nothing: there are no nodes."""

    def was_interrupted(self, container: ContainerId) -> bool:
        """Return False: there are no nodes."""
        del container
        return False

    def outages(self) -> list[str]:
        """Return nothing."""
        return []

    def restore(self) -> None:
        """Give back the network and the registry."""
        self.docker.networks.add(NETWORK)
        self.docker.registry_fault, self.docker.lag = "", 0.0


class SwarmPlatform:
    """A Swarm of two to four nodes, with a fence command of some kind or none."""

    def __init__(self, environment: "Environment") -> None:
        random = Random(f"swarm {environment.seed}")  # noqa: S311 - a history, not a secret
        self._environment = environment
        self._interrupted: set[str] = set()
        self.swarm = InMemorySwarm(
            clock=environment.host_clock, durations=BRIEF, fate_of=environment.faults.request_fate
        )
        for number in range(random.randrange(2, 5)):
            self.swarm.add_node(f"node{number}", is_manager=not number)
        self.docker = SwarmAsDocker(clock=environment.host_clock, swarm=self.swarm)
        self.docker.durations = dict(random.choice(({}, {"pull": 3.0})))
        self.fence = random.choice(FENCES)
        add_images(self.docker)

    def host(self, process: "Process") -> ContainerHost:
        """Return the real adapter on the process's connection to the managers."""
        host = SwarmContainerHost(
            self._api(process),
            InMemoryImages(self.docker),
            InMemoryOutputs(self.swarm),
            process.clock,
            POLICY,
        )
        return cast("ContainerHost", CheckedHost(host, self._environment))

    def nodes(self, process: "Process") -> ClusterNodes:
        """Return the real adapter for the nodes."""
        return SwarmNodes(self._api(process))

    def fencing(self, process: "Process") -> Fencing:
        """Return the process's fence command."""
        return SimulatedFencing(self._environment, process, self.fence)

    def violations(self) -> list[str]:
        """Return whether several engines can write the state of one game."""
        self._note_exposed()
        writers = self.swarm.writers()
        return [
            f"two engines of {path.rpartition('/')[2]} can write: {sorted(tasks)}"
            for path, tasks in writers.items()
            if len(tasks) > 1
        ]

    def strike(self, node: MemoryNode, kind: str) -> None:
        """Take a node's power, link or daemon away, and what runs on it out of our hands."""
        is_writing = any(each.node is node for each in self.swarm.alive.values())
        hit = "a node with engines" if is_writing else "a node without"
        self._environment.tally.note(f"{kind} lost", hit)
        befall = {POWER: self.swarm.power_off, LINK: self.swarm.partition}
        befall.get(kind, self.swarm.kill_daemon)(node)
        self._note_exposed()

    def was_interrupted(self, container: ContainerId) -> bool:
        """Return whether the outage was marked while the newest task was on the node."""
        tasks = list(self.swarm.tasks_of(container))
        return bool(tasks) and tasks[-1].id in self._interrupted

    def outages(self) -> list[str]:
        """Return the marks of outages that are left on nodes."""
        return [
            f"{node.name} is marked {mark}"
            for node in self.swarm.nodes.values()
            for mark in (NodeMark.OFF, NodeMark.INTERRUPTED)
            if f"com.galaxy.{mark}" in node.labels
        ]

    def restore(self) -> None:
        """Bring every node back, and let the operator use all of them again.

        What never starts is repaired: a move is tried until it succeeds, in ever longer intervals.
        """
        repair_images(self.docker)
        self.swarm.outdated.clear()
        self.swarm.leaderless_until = min(self.swarm.leaderless_until, self._environment.loop.now)
        for node in self.swarm.nodes.values():
            node.labels.pop(f"com.galaxy.{NodeMark.DRAIN}", None)
            self.swarm.bring_back(node)

    def _note_exposed(self) -> None:
        """Remember what is on nodes that are not heard, or is just being placed there.

        What has ended there without being recorded cannot be told from what was lost with the node.
        """
        truth = self._environment.truth
        lost = {each.id for each in self.swarm.nodes.values() if _is_lost(each)}
        for task in self.swarm.tasks.values() if lost else ():
            container = ContainerId(task.service_id)
            if task.node is None or task.node.id not in lost:
                continue
            if task.has_ended:
                if container in self._recorded_as_running():
                    truth.exposed.add(container)
                continue
            truth.exposed.add(container)
            truth.interfered.add(container)
            if task.node.labels.get(_INTERRUPTED, "") >= rendered(task.created_at):
                self._interrupted.add(task.id)

    def _recorded_as_running(self) -> set[ContainerId | None]:
        records = self._environment.store.runtime_records.values()
        running = (each for each in records if each.status is RuntimeStatus.RUNNING)
        return {each.current_container_id for each in running}

    def _api(self, process: "Process") -> SwarmApi:
        """Let the scheduler choose when each request is sent, and each change is answered."""

        async def hook(call: str) -> None:
            if call in _CHANGES or not call.endswith(":done"):
                await process.park(call)

        api = InMemorySwarmApi(swarm=self.swarm, client=client_of(process.slot))
        return with_faults(cast("SwarmApi", api), "swarm", hook)


def _is_lost(node: MemoryNode) -> bool:
    """Return whether the node is not heard, or has not been for so long that it is given up."""
    return not node.is_heard or node.state == "down"


_INTERRUPTED = f"com.galaxy.{NodeMark.INTERRUPTED}"
_CHANGES = {f"swarm.{each}:done" for each in SWARM_CHANGES}


class CheckedHost:
    """The adapter, whose changing calls are checked as they are sent."""

    def __init__(self, host: SwarmContainerHost, environment: "Environment") -> None:
        self._host, self._environment = host, environment

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._host, name)
        return partial(self._checked, name, found) if name in {*CHANGES, "pull"} else found

    async def _checked(self, call: str, method: Any, target: Any, *args: Any, **more: Any) -> Any:
        name = getattr(target, "name", None) or getattr(target, "normalized", None) or target
        self._environment.invariants.calls.sent(call, name)
        return await method(target, *args, **more)
