"""Invariants of published messages: health events, intents, jobs and their results."""

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.messages import (
    INTENT_DEDUP_WINDOW,
    INTENTS_OF_NEW_GAMES,
    INTENTS_PER_GAME,
    NEW_GAMES_WINDOW,
    OutboxMessage,
    OutboxStream,
    epoch_ms,
)
from rtmanager.domain.operation import Operation, OpSource
from rtmanager.domain.ports.job_stream import JobEntry, MalformedJob
from tests.simulation.policy import PROBE_THRESHOLD

if TYPE_CHECKING:
    from tests.simulation.environment import Environment


Numbers = Counter[ContainerId]

LOSSES = {"container_exited", "container_oom", "container_disappeared"}


class MessageInvariants:
    """Checks each message as it is committed."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._current: dict[GameId, ContainerId | None] = {}
        self._seen = 0
        self._losses: Counter[ContainerId] = Counter()
        self._started: Counter[ContainerId] = Counter()
        self._failing: set[ContainerId] = set()
        self._intents: dict[tuple[str, ...], int] = {}
        self._quotas: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def forget(self) -> None:
        """Forget what was published: the restored database does not know it either."""
        self._seen = len(self._environment.store.outbox)
        for known in (self._current, self._losses, self._started, self._failing, self._intents):
            known.clear()
        self._quotas.clear()

    def before_step(self) -> None:
        """Remember each game's container."""
        for game_id, record in self._environment.store.runtime_records.items():
            self._current[game_id] = record.current_container_id

    def after_step(self) -> None:
        """Check the health events that were committed since."""
        outbox = self._environment.store.outbox
        for message in outbox[self._seen :]:
            if message.stream is OutboxStream.HEALTH_EVENTS:
                self._check(message)
            elif message.stream is OutboxStream.NOTIFICATION_INTENTS:
                self._check_intent(message)
        self._seen = len(outbox)

    def _check(self, message: OutboxMessage) -> None:
        event = message.fields["event_type"]
        container = ContainerId(message.fields["container_id"])
        record = self._environment.store.runtime_records.get(message.game_id)
        after = record.current_container_id if record else None
        if container not in {self._current.get(message.game_id), after}:
            self._wrong(event, container, "but it is not the current container")
        if event in LOSSES:
            self._check_loss(event, container)
        elif event == "container_started":
            self._check_start(event, container)
        elif event.startswith("probe_"):
            self._check_probe(event, container, message)

    def _check_intent(self, message: OutboxMessage) -> None:
        """Check that a game which keeps failing in the same way is not announced each time.

        Nor is one that fails in ever new ways, or one made-up game after the other without a job.
        """
        same = tuple(message.fields[name] for name in ("game_id", "error_code", "image_ref"))
        at = int(message.fields["attempted_at_ms"])
        self._check_quota(same[:2], INTENTS_PER_GAME, at - INTENT_DEDUP_WINDOW * 1000, at)
        is_new = message.game_id not in self._environment.store.runtime_records
        if is_new and not self._ended_a_job(message.game_id, at):
            self._check_quota(same[1:2], INTENTS_OF_NEW_GAMES, at - NEW_GAMES_WINDOW * 1000, at)
        if at - self._intents.get(same, -at) < INTENT_DEDUP_WINDOW * 1000:
            self._environment.violation(f"a second intent of {same} within {INTENT_DEDUP_WINDOW} s")
        self._intents[same] = at

    def _ended_a_job(self, game_id: GameId, at: int) -> bool:
        return any(
            each.game_id == game_id and each.finished_at and epoch_ms(each.finished_at) == at
            for each in self._environment.store.operations.values()
            if each.request.origin.source is OpSource.LOBBY_STREAM
        )

    def _check_quota(self, key: tuple[str, ...], most: int, since: float, at: int) -> None:
        """Check that no more intents count towards the same quota."""
        earlier = [each for each in self._quotas[key] if each > since]
        if len(earlier) >= most:
            self._environment.violation(f"more than {most} intents of {key}")
        self._quotas[key] = [*earlier, at]

    def _check_loss(self, event: str, container: ContainerId) -> None:
        self._losses[container] += 1
        self._check_number(event, container, self._losses, self._environment.truth.losses)
        self._environment.invariants.oracle.lost(container)
        self._environment.invariants.outcomes.lost(f"{event} of {container[:12]} was published")

    def _check_start(self, event: str, container: ContainerId) -> None:
        self._started[container] += 1
        starts = Counter(self._environment.docker.starts)
        self._check_number(event, container, self._started, starts)

    def _check_number(
        self, event: str, container: ContainerId, told: Numbers, true: Numbers
    ) -> None:
        """Check that nothing is published more often than it happened.

        An engine that is too new for a former leader seems to be gone, and then to be found.
        """
        if told[container] > true[container] and not self._environment.truth.is_shown_late:
            self._wrong(event, container, "more often than it happened")

    def _check_probe(self, event: str, container: ContainerId, message: OutboxMessage) -> None:
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
        self._environment.violation(f"{event} of {container[:12]} was published {words}")


class StreamInvariants:
    """Knows every job that was added, and checks each message as it is published."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._jobs: dict[str, JobEntry] = {}
        self._life_of: dict[str, int] = {}
        self._life = self._groups_lost = self._seen = 0
        self._committed: dict[int, int] = {}
        self._published: set[int] = set()
        self._published_ever: set[int] = set()
        self._last_message: dict[str, int] = {}
        self._last_job: dict[tuple[str, int], int] = {}

    def added(self, entry: JobEntry) -> None:
        """Remember a job; jobs are added in the order in which their results must come."""
        self._jobs[entry.entry_id] = entry
        self._life_of[entry.entry_id] = self._life

    def group_lost(self) -> None:
        """Remember that dead-lettered entries may be dead-lettered again."""
        self._groups_lost += 1

    def flushed(self) -> None:
        """Start over: the streams were emptied."""
        self._life += 1
        self._seen = 0
        self._published.clear()
        self._last_message.clear()
        self._last_job.clear()

    def are_done(self) -> bool:
        """Return whether no job and no message is left to be processed."""
        streams, table = self._environment.streams, self._environment.store.outbox_table
        return (
            not streams.unread and not streams.pending and len(table.sent_at) == len(table.messages)
        )

    def after_step(self) -> None:
        """Check what was published since."""
        published = self._environment.streams.published
        if len(published) == self._seen:
            return
        outbox = self._environment.store.outbox
        for number in range(len(self._committed), len(outbox)):
            self._committed[id(outbox[number])] = number
        for message in published[self._seen :]:
            self._check(message)
        self._seen = len(published)

    def check_end(self) -> None:
        """Check jobs, dead letters and messages at the end, when everything is idle."""
        if not self.are_done():
            self._environment.violation("jobs are pending or messages unsent")
        if self._published_ever != set(range(len(self._environment.store.outbox))):
            self._environment.violation("a message was not published")
        dead = Counter(each.entry.entry_id for each in self._environment.streams.dead)
        for entry in self._jobs.values():
            self._check_rows(entry)
            self._check_dead_letters(entry, dead[entry.entry_id])

    def _check(self, message: OutboxMessage) -> None:
        number = self._committed.get(id(message))
        if number is None:
            self._wrong(message, "was never committed")
            return
        if number in self._published:
            self._wrong(message, "was published twice")
        self._published.add(number)
        self._published_ever.add(number)
        if number < self._last_message.get(message.game_id, -1):
            self._wrong(message, "overtook a message of its game")
        self._last_message[message.game_id] = number
        if message.stream is OutboxStream.JOB_RESULTS:
            self._check_result(message)

    def _check_result(self, message: OutboxMessage) -> None:
        job_id, outcome = message.fields["job_id"], message.fields["outcome"]
        rows = self._rows(job_id)
        if [each.outcome for each in rows] != [outcome]:
            self._wrong(message, f"says {outcome}, but the log {[each.outcome for each in rows]}")
        if job_id not in self._jobs:
            return
        place = list(self._jobs).index(job_id)
        queue = message.game_id, self._life_of[job_id]
        if place < self._last_job.get(queue, -1):
            self._wrong(message, "overtook a result of its game")
        self._last_job[queue] = place

    def _check_rows(self, entry: JobEntry) -> None:
        rows, least = len(self._rows(entry.entry_id)), 1
        if entry.job.game_id is None or self._life_of[entry.entry_id] < self._life:
            least = 0
        most = 0 if entry.job.game_id is None else 1
        if not least <= rows <= most:
            self._environment.violation(f"job {entry} has {rows} rows in the log")

    def _check_dead_letters(self, entry: JobEntry, times: int) -> None:
        malformed = isinstance(entry.job, MalformedJob) or not parse_game_id(entry.job.game_id)
        of_this_life = self._life_of[entry.entry_id] == self._life
        least = 1 if malformed and of_this_life else 0
        most = 1 + self._groups_lost if malformed else 0
        if not least <= times <= most:
            self._environment.violation(f"job {entry} was dead-lettered {times} times")
        codes = {each.error_code for each in self._rows(entry.entry_id)}
        if malformed and not codes <= {ErrorCode.INVALID_REQUEST}:
            self._environment.violation(f"malformed job {entry} was answered {codes}")

    def _rows(self, job_id: str) -> list[Operation]:
        return [
            each
            for each in self._environment.store.operations.values()
            if each.request.origin.source is OpSource.LOBBY_STREAM
            and each.request.origin.source_ref == job_id
        ]

    def _wrong(self, message: OutboxMessage, words: str) -> None:
        about = message.fields.get("job_id") or message.fields.get("event_type") or "intent"
        self._environment.violation(f"{message.stream} {about} of {message.game_id} {words}")
