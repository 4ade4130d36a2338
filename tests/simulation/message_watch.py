"""Watches what others are told: each event once, and only of the game's current container."""

import json
from collections import Counter
from typing import TYPE_CHECKING

from rtmanager.domain.announcements import INTENT_QUIET
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from tests.simulation.policy import PROBE_THRESHOLD

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

LOSSES = {"container_exited", "container_oom", "container_disappeared"}


class MessageWatch:
    """Sees each message as it is committed."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._current: dict[GameId, ContainerId | None] = {}
        self._seen = 0
        self._losses: Counter[ContainerId] = Counter()
        self._started: Counter[ContainerId] = Counter()
        self._failing: set[ContainerId] = set()
        self._intents: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        """Forget what was told: the database is one that does not know of it either."""
        self._seen = len(self._environment.store.outbox)
        for told in (self._current, self._losses, self._started, self._failing, self._intents):
            told.clear()

    def before_step(self) -> None:
        """Remember each game's container."""
        for game_id, record in self._environment.store.runtime_records.items():
            self._current[game_id] = record.current_container_id

    def after_step(self) -> None:
        """Judge the health events that were committed since."""
        outbox = self._environment.store.outbox
        for message in outbox[self._seen :]:
            if message.stream is OutboxStream.HEALTH_EVENTS:
                self._judge(message)
            elif message.stream is OutboxStream.NOTIFICATION_INTENTS:
                self._judge_intent(message)
        self._seen = len(outbox)

    def _judge(self, message: OutboxMessage) -> None:
        event = message.fields["event_type"]
        container = ContainerId(message.fields["container_id"])
        record = self._environment.store.runtime_records.get(message.game_id)
        after = record.current_container_id if record else None
        if container not in {self._current.get(message.game_id), after}:
            self._wrong(event, container, "but it is not the current one")
        if event in LOSSES:
            self._judge_loss(event, container)
        elif event == "container_started":
            self._judge_start(event, container)
        elif event.startswith("probe_"):
            self._judge_probe(event, container, message)

    def _judge_intent(self, message: OutboxMessage) -> None:
        """Demand that a game that fails the same way again and again is not told of each time."""
        same = tuple(message.fields[name] for name in ("game_id", "error_code", "image_ref"))
        at = int(message.fields["attempted_at_ms"])
        if at - self._intents.get(same, -at) < INTENT_QUIET * 1000:
            self._environment.violation(f"a second intent of {same} within {INTENT_QUIET} s")
        self._intents[same] = at

    def _judge_loss(self, event: str, container: ContainerId) -> None:
        self._losses[container] += 1
        if self._losses[container] > self._environment.truth.losses[container]:
            self._wrong(event, container, "more often than it happened")
        self._environment.invariants.oracle.lost(container)
        self._environment.invariants.outcomes.lost(f"{event} of {container[:12]} was told")

    def _judge_start(self, event: str, container: ContainerId) -> None:
        self._started[container] += 1
        if self._started[container] > self._environment.docker.starts.count(container):
            self._wrong(event, container, "more often than it happened")

    def _judge_probe(self, event: str, container: ContainerId, message: OutboxMessage) -> None:
        failed = event == "probe_failed"
        if failed is (container in self._failing):
            self._wrong(event, container, "out of turn")
        if not failed:
            self._failing.discard(container)
            return
        self._failing.add(container)
        if json.loads(message.fields["details"])["consecutive_failures"] < PROBE_THRESHOLD:
            self._wrong(event, container, "below its threshold")

    def _wrong(self, event: str, container: ContainerId, words: str) -> None:
        self._environment.violation(f"{event} of {container[:12]} was told {words}")
