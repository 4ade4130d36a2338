"""The fence command of a simulated operator: its answer is true, if it gives any."""

from typing import TYPE_CHECKING

from rtmanager.domain.node import Node
from tests.simulation.node_faults import POWER

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process

NONE, SWITCHES_OFF, ASKS, FAILS, HANGS = "none", "switches off", "asks", "fails", "hangs"
FENCES = (NONE, SWITCHES_OFF, SWITCHES_OFF, ASKS, ASKS, FAILS, HANGS)
"""No command; one that switches the node off; one that only asks; one that fails, or hangs."""
LIMIT = 10.0


class SimulatedFencing:
    """The command as one process runs it."""

    def __init__(self, environment: "Environment", process: "Process", kind: str) -> None:
        self._environment, self._process, self._kind = environment, process, kind

    @property
    def is_available(self) -> bool:
        """Return whether there is a command."""
        return self._kind != NONE

    async def confirms_off(self, node: Node) -> bool:
        """Run the command; it takes a while, in which the node may come back."""
        await self._process.park("fencing.confirms_off")
        found = self._environment.swarm.nodes[node.id]
        if self._kind == HANGS:
            await self._process.clock.sleep(LIMIT)
        # At the end nodes stay on: nobody would switch on again what a late command switches off.
        if self._kind == SWITCHES_OFF and self._environment.scheduler.calls_are_slow:
            self._environment.platform.strike(found, POWER)
        is_off = self._kind in {SWITCHES_OFF, ASKS} and found.is_off
        self._environment.tally.note("fence command", "off" if is_off else "no answer")
        await self._process.park("fencing.confirms_off:done")
        return is_off
