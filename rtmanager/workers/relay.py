"""Relaying messages as soon as they are committed."""

import asyncio
from dataclasses import dataclass, field

from rtmanager.domain.messaging.relay_outbox import BATCH, RelayOutbox
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.outbox import Outbox
from rtmanager.tasks import raise_if_cancelled
from rtmanager.workers.waking import nap, run_together
from rtmanager.workers.worker import WorkerStatus

MAX_NAP = 1.0
MIN_PAUSE = 0.1
MAX_PAUSE = 5.0


@dataclass(slots=True)
class OutboxRelay:
    """Runs in every replica: sends what is unsent, then sleeps until woken or for a second.

    Messages that are committed while a batch is sent go into the next one together.
    """

    relay: RelayOutbox
    outbox: Outbox
    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("relay"), init=False)
    wakeup_status: WorkerStatus = field(
        default_factory=lambda: WorkerStatus("relay wakeups"), init=False
    )
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Relay until cancelled; when one of the two loops ends, the other does too."""
        loops = {"outbox wakeups": self._listen_for_ever(), "outbox relay": self._relay_for_ever()}
        await run_together(loops)

    async def _listen_for_ever(self) -> None:
        while True:
            raise_if_cancelled()
            try:
                async with self.outbox.wakeups() as wakeups:
                    self.wakeup_status.succeeded(self.clock.now())
                    self._woken.set()
                    async for _ in wakeups:
                        self._woken.set()
            except Exception as error:  # noqa: BLE001 - the relay continues, once a second
                self.wakeup_status.failed(self.clock.now(), error)
            await self.clock.sleep(MAX_NAP)

    async def _relay_for_ever(self) -> None:
        pause = MIN_PAUSE
        while True:
            raise_if_cancelled()
            self._woken.clear()
            try:
                sent = await self.relay.run()
            except Exception as error:  # noqa: BLE001 - messages stay unsent and are retried
                self.status.failed(self.clock.now(), error)
                await self.clock.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
                continue
            self.status.succeeded(self.clock.now())
            pause = MIN_PAUSE
            if sent < BATCH:  # there were no more; each one since then wakes us
                await nap(self.clock, MAX_NAP, self._woken)
