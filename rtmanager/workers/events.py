"""Following Docker's events, so that changes of containers are noticed immediately."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_events import ContainerEvent, ContainerEvents, StreamSilent
from rtmanager.domain.reconciliation.record_docker_event import Hint, RecordDockerEvent
from rtmanager.tasks import raise_if_cancelled
from rtmanager.workers.periodic import Cycle
from rtmanager.workers.worker import WorkerStatus

MIN_PAUSE = 0.5
MAX_PAUSE = 15.0
GAMES_AT_ONCE = 8
LOOK_BACK = 10.0
"""Seconds of past events that the first connection requests, since Docker's list lags behind its
events and the first catch-up may miss the latest ones."""


@dataclass(slots=True)
class DockerEventWatcher:
    """Two loops: the outer one owns the connection, the inner one reads until it dies.

    Events are hints: each names a game to reconcile, and a waiting game is not queued twice. After
    connecting, `catch_up` runs, because Docker keeps few events.
    """

    events: ContainerEvents
    record: RecordDockerEvent
    catch_up: Cycle
    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("events"), init=False)
    _since: float | None = field(default=None, init=False)
    _hints: dict[GameId, Hint] = field(default_factory=dict, init=False)
    _hinted: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0), init=False)

    async def run(self) -> None:
        """Follow events until cancelled; from then on another process may."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(GAMES_AT_ONCE):
                    tasks.create_task(self._look_for_ever(), name=f"event hints {number}")
                tasks.create_task(self._listen_for_ever(), name="docker events")
        finally:
            self.record.ends.leave()

    async def _listen_for_ever(self) -> None:
        pause = MIN_PAUSE
        while True:
            raise_if_cancelled()
            began = self.clock.monotonic()
            try:
                await self._listen()
            except StreamSilent:
                continue  # most likely an idle host; a new connection makes sure and loses nothing
            except Exception as error:  # noqa: BLE001 - the watcher outlives every connection
                self._note_end(error)
                self.status.failed(self.clock.now(), error)
            if self.clock.monotonic() - began > MAX_PAUSE:
                pause = MIN_PAUSE
            await self.clock.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    async def _listen(self) -> None:
        """Follow one connection to its end, starting at the last event of the previous one."""
        if self._since is None:
            self._since = await self.events.now() - LOOK_BACK
        async with self.events.listen(since=self._since) as stream:
            self.record.ends.follow(self.clock.now())
            sentence = await self.catch_up()
            raise_if_cancelled()
            self.status.succeeded(self.clock.now(), sentence)
            await self._read(stream)

    def _note_end(self, error: Exception) -> None:
        if isinstance(error, DockerUnavailable):
            self.record.ends.lose(self.clock.now())
        else:
            self.record.ends.leave()

    async def _read(self, stream: AsyncIterator[ContainerEvent]) -> None:
        async for event in stream:
            self._since = event.at
            self.record.ends.note(event)
            self._take(event)

    def _take(self, event: ContainerEvent) -> None:
        game_id = self.record.game_of(event)
        if game_id is None:
            return
        if game_id not in self._hints:
            self._hinted.release()
        self._hints[game_id] = self.record.hint(event).with_those_of(self._hints.get(game_id))

    async def _look_for_ever(self) -> None:
        while True:
            raise_if_cancelled()
            await self._hinted.acquire()
            hint = self._hints.pop(next(iter(self._hints)))
            try:
                sentence = await self.record.run(hint)
            except Exception as error:  # noqa: BLE001 - one failing game must not stop the others
                self.status.failed(self.clock.now(), error)
            else:
                self.status.succeeded(self.clock.now(), sentence)
