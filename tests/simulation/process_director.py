"""Kills, suspends and shuts down processes, and starts others in their places."""

from typing import TYPE_CHECKING

from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.environment import Environment


class ProcessDirector:
    """What happens to processes; each public method is an event of a plan."""

    def __init__(self, director: "Director", environment: "Environment") -> None:
        self._director, self._environment = director, environment
        self.leader = 0

    def kill(self, slot: int, steps: int, jump: float) -> None:
        """Kill the process of a slot; another one starts in its place some steps later."""
        victim = self._environment.processes[slot]
        if victim is not None:
            self._environment.tally.process("killed", victim)
        process = self._take_out(slot, steps)
        if process is not None:
            process.kill()
            self._environment.pass_time(jump)

    def stall(self, slot: int, steps: int, jump: float) -> None:
        """Suspend the process of a slot; it wakes some steps later."""
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._environment.tally.process("stalled", process)
        process.stall()
        self._director.after(steps, f"{process.name} wakes", process.wake)
        self._environment.pass_time(jump)

    def shutdown(self, slot: int, limit: float, patience: int, steps: int) -> None:
        """Tell a process to end within its limit; kill it when that takes too many steps.

        With a `patience` of 0 it gets all the time that it needs.
        """
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._environment.tally.process("told to end", process)
        self._take_out(slot, steps)
        self._environment.leaving.append(process)
        task = process.spawn(process.shut_down(limit))
        task.add_done_callback(lambda _: self._exit(process, in_time=True))
        if patience:
            words = f"{process.name} is killed if it is still there"
            self._director.after(patience, words, lambda: self._exit(process, in_time=False))

    def numb(self, slot: int, steps: int) -> None:
        """Let a process have no descriptors left for a while: it can ask no engine anything."""
        process = self._environment.processes[slot]
        if process is not None:
            self._environment.tally.process("out of descriptors", process)
            process.unaskable.has_no_descriptors = True
            self._director.after(steps, f"{process.name} can ask again", process.unaskable.recover)

    def _take_out(self, slot: int, steps: int) -> Process | None:
        process = self._environment.processes[slot]
        if process is None:
            return None
        self._environment.processes[slot] = None
        self.leader = 1 - slot if self.leader == slot else self.leader
        words = f"a new process in slot {slot}"
        self._director.after(steps, words, lambda: self._boot(slot))
        return process

    def _exit(self, process: Process, *, in_time: bool) -> None:
        if process not in self._environment.leaving:
            return
        self._environment.leaving.remove(process)
        self._environment.tally.note("told to end", "in time" if in_time else "too late")
        self._environment.invariants.leases.left(process, in_time=in_time)
        process.kill()

    def _boot(self, slot: int) -> None:
        process = self._environment.boot(slot)
        if self._environment.supervised:
            process.is_open = False
            process.work(process.workers.serve())
        else:
            process.work(process.attempt(self._open(process)))

    async def _open(self, process: Process) -> None:
        await process.open()
        await process.attempt(process.cycles.reconcile.run())
