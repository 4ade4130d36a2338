"""Watches every write to the store: the invariants that must hold at every moment of a history."""

import json
from collections import Counter
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.game_lease import Grant
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from rtmanager.domain.runtime import RuntimeRecord

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

LOSSES = {"container_exited", "container_oom", "container_disappeared"}


class Witness:
    """Sees each write as it happens and each message as it is committed."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._leased_at: dict[tuple[str, GameId], int] = {}
        self._current: dict[GameId, str | None] = {}
        self._seen_messages = 0
        self._told: Counter[tuple[str, str]] = Counter()
        self._failing: set[str] = set()
        self.begun_at: dict[Fence, int] = {}
        self.ran_at_begin: dict[Fence, bool] = {}
        self._finished: Operation | None = None
        self.calm = False

    def lease_granted(self, game_id: GameId, _: Grant | None, __: Grant) -> None:
        """Remember since when the process may judge by what it sees."""
        self._leased_at[self._writer, game_id] = self._now

    def operation_written(self, fence: Fence, old: Operation | None, new: Operation) -> None:
        """Demand that a row gets one outcome and keeps it."""
        if old is None:
            self.begun_at[fence] = self._now
            shown = self._universe.truth.now(new.game_id)
            self.ran_at_begin[fence] = any(runs for _, _, runs in shown)
        elif old.outcome is not None:
            self._violation(f"operation {fence} had {old.outcome} and was written again")
        if new.outcome is not None:
            self._finished = new

    def record_written(
        self, game_id: GameId, old: RuntimeRecord | None, new: RuntimeRecord
    ) -> None:
        """Demand that it comes with an operation's outcome, goes forward, and was so in Docker."""
        finished = self._finished
        if finished is None or finished.id != new.fence:
            self._violation(f"the record of {game_id} changed without operation {new.fence}")
        if old is not None and new.fence <= old.fence:
            self._violation(f"the fence of {game_id} went from {old.fence} to {new.fence}")
        if old is not None and new.created_at != old.created_at:
            self._violation(f"created_at of {game_id} changed")
        since = self._leased_at.get((self._writer, game_id), 0)
        if not self._universe.truth.was_as(new, since):
            self._violation(f"operation {new.fence} wrote {new.status}, which never was so")

    def before_step(self) -> None:
        """Remember each game's container, for the messages of the next step."""
        self._finished = None
        for game_id, record in self._universe.store.runtime_records.items():
            self._current[game_id] = record.current_container_id

    def after_step(self) -> None:
        """Judge the messages that were committed since."""
        outbox = self._universe.store.outbox
        for message in outbox[self._seen_messages :]:
            if message.stream is OutboxStream.HEALTH_EVENTS:
                self._judge(message)
        self._seen_messages = len(outbox)

    def _judge(self, message: OutboxMessage) -> None:
        event, container = message.fields["event_type"], message.fields["container_id"]
        record = self._universe.store.runtime_records.get(message.game_id)
        after = record.current_container_id if record else None
        if container not in {self._current.get(message.game_id), after}:
            self._violation(f"{event} tells of {container[:12]}, which is not the current one")
        if event in LOSSES:
            self._judge_loss(event, container)
        elif event == "container_started":
            self._once(event, container)
        elif event.startswith("probe_"):
            self._judge_probe(event, container, message)

    def _judge_loss(self, event: str, container: str) -> None:
        self._told["loss", container] += 1
        if self._told["loss", container] > self._universe.truth.losses[container]:  # type: ignore[index]
            self._violation(f"{event} of {container[:12]} was told more often than it was lost")

    def _once(self, event: str, container: str) -> None:
        self._told[event, container] += 1
        if self._told[event, container] > 1:
            self._violation(f"{event} of {container[:12]} was told twice")

    def _judge_probe(self, event: str, container: str, message: OutboxMessage) -> None:
        if (event == "probe_failed") == (container in self._failing):
            self._violation(f"{event} of {container[:12]} was told twice: {message.fields}")
        if event == "probe_failed":
            self._failing.add(container)
            if json.loads(message.fields["details"])["consecutive_failures"] < 2:
                self._violation("probe_failed was told below its threshold")
        else:
            self._failing.discard(container)

    @property
    def _now(self) -> int:
        return self._universe.scheduler.steps

    @property
    def _writer(self) -> str:
        running = self._universe.scheduler.running
        return running.name if running else ""

    def _violation(self, words: str) -> None:
        self._universe.violation(words)
