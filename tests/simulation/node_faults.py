"""What befalls the nodes of a Swarm, and what operators say of them."""

from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.domain.container import ContainerId
from rtmanager.domain.node import NodeMark

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.plan_runner import PlanRunner

POWER, LINK, DAEMON = "power", "link", "daemon"
A_CHANGE, THE_END = "a change", "the end"
"""Until when a process reads from a former leader, if that does not step down before."""
NODE_CYCLES = ("watch_nodes", "fence_nodes", "move_lost_games", "drain_nodes")
MOSTLY = 0.85
"""The share of choices among nodes with engines, where any node would do."""


def client_of(slot: int) -> str:
    """Return the name of the client of the managers that the processes in a slot are."""
    return f"slot {slot}"


class NodeFaults:
    """Events of nodes; each public method is an event of a plan."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment

    def node_down(self, kind: str, pick: float, steps: int, jump: float) -> None:
        """Let a node lose its power, its link or its daemon; it is back some steps later."""
        swarm = self._environment.swarm
        heard = [each for each in swarm.nodes.values() if each.is_heard]
        node = _picked(self._with_engines(heard) if pick < MOSTLY else heard, pick)
        if node is None:
            return
        self._environment.platform.strike(node, kind)
        self._runner.after(steps, f"{node.name} is back", lambda: swarm.bring_back(node))
        self._environment.pass_time(jump)

    def power_cut(self, steps: int, jump: float) -> None:
        """Let a node that is cut off lose its power too, as when somebody pulls the plug."""
        cut = [each for each in self._environment.swarm.nodes.values() if not each.is_linked]
        if cut:
            self._environment.platform.strike(cut[0], POWER)
            swarm, node = self._environment.swarm, cut[0]
            self._runner.after(steps, f"{node.name} is back", lambda: swarm.bring_back(node))
            self._environment.pass_time(jump)

    def word(self, slot: int) -> None:
        """Let the operator vouch for every node that is off, and only for those."""
        process = self._environment.processes[slot]
        for node in self._environment.swarm.nodes.values():
            if process is not None and process.is_open and node.is_off:
                self._environment.tally.note("operator's word", "a node that is off")
                process.work(process.attempt(process.cases.mark_nodes.lost(node.name)))

    def mistaken_word(self, slot: int, pick: float) -> None:
        """Let the operator vouch for a node that is up; the word must be refused."""
        process = self._environment.processes[slot]
        heard = [each for each in self._environment.swarm.nodes.values() if each.is_heard]
        node = _picked(self._with_engines(heard), pick)
        if process is not None and process.is_open and node is not None:
            process.work(process.attempt(process.cases.mark_nodes.lost(node.name)))

    def drain(self, slot: int, pick: float) -> None:
        """Let the operator drain a node, never the last one."""
        swarm, process = self._environment.swarm, self._environment.processes[slot]
        label = f"com.galaxy.{NodeMark.DRAIN}"
        open_ones = [each for each in swarm.nodes.values() if label not in each.labels]
        node = _picked(self._with_engines(open_ones), pick)
        if process is not None and process.is_open and node is not None and len(open_ones) > 1:
            self._environment.tally.note("drained", "a node with engines")
            process.work(process.attempt(process.cases.mark_nodes.drain(node.name)))

    def give_up(self, pick: float) -> None:
        """Let a node suit an engine no more, as after a change of its labels."""
        swarm = self._environment.swarm
        running = [each for each in swarm.alive.values() if each.service_id in swarm.services]
        if running:
            self._environment.tally.note("given up", "a running engine")
            task = running[int(pick * len(running))]
            container_id = ContainerId(task.service_id)
            self._environment.truth.exposed.add(container_id)
            self._environment.truth.interfered.add(container_id)
            swarm.managers.give_up(task)

    def leaderless(self, seconds: float) -> None:
        """Let the managers lose their leader for a while."""
        self._environment.tally.note("leader lost", "the managers")
        self._environment.swarm.lose_leader(seconds)

    def misled(self, slot: int, seconds: float, until: str) -> None:
        """Let a process read from a manager that was the leader, and knows nothing newer."""
        self._environment.tally.note("misled", "a process")
        self._environment.truth.is_shown_late = True
        self._environment.swarm.mislead(client_of(slot), seconds, is_left=until == A_CHANGE)

    def nodes(self) -> None:
        """Let the leader look at the nodes, as its workers do."""
        process = self._environment.processes[self._runner.processes.leader]
        if process is not None and not self._environment.full:
            for each in NODE_CYCLES:
                self._runner.run_cycle(process, each)

    def _with_engines(self, nodes: list[MemoryNode]) -> list[MemoryNode]:
        used = {each.node for each in self._environment.swarm.alive.values()}
        return [each for each in nodes if each in used] or nodes


def _picked(nodes: list[MemoryNode], pick: float) -> MemoryNode | None:
    return nodes[int(pick * len(nodes))] if nodes else None
