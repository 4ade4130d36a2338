"""Several Runtime Managers, each on a seat of its own, behind one loopback address."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import httpx

from dev.swarm.namespaces import inside
from dev.swarm.relay import End, Relay
from dev.swarm.seat import Seat

CHECK_SECONDS = 1.0
ANSWER_SECONDS = 2.0
STOP_SECONDS = 60.0
_LONGEST_LINE = 1 << 20

Echo = Callable[[str], None]


@dataclass(frozen=True)
class Addresses:
    """Ports of this machine's loopback interface: the service's, and those that it needs."""

    service: int
    needed: Sequence[int]


@dataclass
class Replica:
    """One Runtime Manager, on a seat; what it logs is shown with its node's name."""

    seat: Seat
    port: int
    echo: Echo
    process: asyncio.subprocess.Process | None = None
    is_ready: bool = False

    @property
    def end(self) -> End:
        """Where it listens."""
        return End(self.port, str(self.seat.namespace))

    async def run(self, environ: Mapping[str, str]) -> None:
        """Run it until it ends."""
        # It ends with this process, even if that is killed.
        command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m"]
        command += ["dev.swarm.enter", str(self.seat.namespace), "rtmanager", "serve"]
        self.process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environ,
            # Ctrl-C is for this process, which ends the others.
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        if self.process.stdout is not None:
            async for line in self.process.stdout:
                self._say(line.decode(errors="replace").rstrip())
        self._say(f"the process ended with exit code {await self.process.wait()}")

    async def watch(self, ready: asyncio.Event) -> None:
        """Keep asking whether it is ready, and set the event once it is."""
        while True:
            self.is_ready = await asyncio.to_thread(self._answers)
            if self.is_ready:
                ready.set()
            await asyncio.sleep(CHECK_SECONDS)

    async def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        with suppress(ProcessLookupError):
            self.process.kill()

    def _say(self, line: str) -> None:
        self.echo(f"{self.seat.node.name} | {line}")

    def _answers(self) -> bool:
        try:
            with inside(self.seat.namespace):
                url = f"http://127.0.0.1:{self.port}/readyz"
                return httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False).is_success
        except (OSError, httpx.HTTPError):
            return False


@dataclass
class Replicas:
    """All of them; a connection leads to one that is ready."""

    seats: Sequence[Seat]
    environ: Mapping[str, str] = field(repr=False)
    addresses: Addresses
    echo: Echo

    def run(self, announce: Callable[[], None]) -> None:
        """Run them until SIGTERM or Ctrl-C, or until all have ended."""
        asyncio.run(self._run(announce))

    async def _run(self, announce: Callable[[], None]) -> None:
        members = [Replica(seat, self.addresses.service, self.echo) for seat in self.seats]
        relay = await self._open(members)
        running = [asyncio.create_task(each.run(self.environ)) for each in members]
        ready = asyncio.Event()
        watching = [asyncio.create_task(each.watch(ready)) for each in members]
        welcome = asyncio.create_task(_once(ready, announce))
        end = asyncio.create_task(_asked_to_end())
        try:
            await asyncio.wait(
                [asyncio.ensure_future(asyncio.wait(running)), end],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for task in (*watching, welcome, end):
                task.cancel()
            await asyncio.gather(*(each.stop() for each in members))
            await asyncio.gather(*running, return_exceptions=True)
            await relay.aclose()

    async def _open(self, members: Sequence[Replica]) -> Relay:
        relay = Relay()
        for seat in self.seats:
            for port in self.addresses.needed:
                await relay.open(End(port, str(seat.namespace)), partial(_only, End(port)))
        await relay.open(End(self.addresses.service), partial(ready_first, members))
        return relay


def _only(end: End) -> list[End]:
    return [end]


def ready_first(members: Sequence[Replica]) -> list[End]:
    """Return where a new connection may lead; without a ready one, any answers what is wrong."""
    return [each.end for each in sorted(members, key=lambda each: not each.is_ready)]


async def _once(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


async def _asked_to_end() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    with ExitStack() as handled:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
            handled.callback(loop.remove_signal_handler, number)
        await asked.wait()
