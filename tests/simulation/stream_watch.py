"""Watches the streams: each job one result, each message once, all in their order.

A flush of Redis takes with it what is in the streams, and they begin a new life. Jobs of an earlier
life that were not recorded yet may be Redis's loss: they have one row or none. Whatever has a row
has one result, and every message is published at least once in all and at most once in a life.
Jobs of the last life are held to everything.
"""

from collections import Counter
from typing import TYPE_CHECKING

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import parse_game_id
from rtmanager.domain.operation import Operation, OpSource
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from rtmanager.domain.ports.job_stream import JobEntry, MalformedJob

if TYPE_CHECKING:
    from tests.simulation.environment import Environment


class StreamWatch:
    """Knows every job that was added, and sees each message as it is published."""

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
        """Remember a job; they are added in the order in which their results must come."""
        self._jobs[entry.entry_id] = entry
        self._life_of[entry.entry_id] = self._life

    def group_lost(self) -> None:
        """Remember that what was dead-lettered may be so again."""
        self._groups_lost += 1

    def flushed(self) -> None:
        """Begin a new life of the streams."""
        self._life += 1
        self._seen = 0
        self._published.clear()
        self._last_message.clear()
        self._last_job.clear()

    def are_done(self) -> bool:
        """Tell whether no job and no message is left to be worked on."""
        streams, table = self._environment.streams, self._environment.store.outbox_table
        return (
            not streams.unread and not streams.pending and len(table.sent_at) == len(table.messages)
        )

    def after_step(self) -> None:
        """Judge what was published since."""
        published = self._environment.streams.published
        if len(published) == self._seen:
            return
        outbox = self._environment.store.outbox
        for number in range(len(self._committed), len(outbox)):
            self._committed[id(outbox[number])] = number
        for message in published[self._seen :]:
            self._judge(message)
        self._seen = len(published)

    def judge_end(self) -> None:
        """Judge jobs, dead letters and messages once everybody is at rest."""
        if not self.are_done():
            self._environment.violation("jobs are pending or messages unsent")
        if self._published_ever != set(range(len(self._environment.store.outbox))):
            self._environment.violation("a message was not published")
        dead = Counter(each.entry.entry_id for each in self._environment.streams.dead)
        for entry in self._jobs.values():
            self._judge_rows(entry)
            self._judge_dead_letters(entry, dead[entry.entry_id])

    def _judge(self, message: OutboxMessage) -> None:
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
            self._judge_result(message)

    def _judge_result(self, message: OutboxMessage) -> None:
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

    def _judge_rows(self, entry: JobEntry) -> None:
        rows, least = len(self._rows(entry.entry_id)), 1
        if entry.job.game_id is None or self._life_of[entry.entry_id] < self._life:
            least = 0
        most = 0 if entry.job.game_id is None else 1
        if not least <= rows <= most:
            self._environment.violation(f"job {entry} has {rows} rows in the log")

    def _judge_dead_letters(self, entry: JobEntry, times: int) -> None:
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
