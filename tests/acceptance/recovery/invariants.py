"""The invariants of a game after its operation was interrupted and the service came back."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import redis

from tests.acceptance.recovery.operations import EndState, Interruption
from tests.support.environment import Environment, Row, image_of

START_FAILED = "container_start_failed"
LEASES = "rtmanager:*:game_lease:*"


@dataclass(frozen=True)
class Invariants:
    """Checks Postgres, Docker and Redis, and returns the violations."""

    environment: Environment
    redis_address: str

    def after_recovery(self, interruption: Interruption, old: str | None) -> list[str]:
        """Return the deviations from docs/recovery.md; `old` is the container before the kill."""
        violations = list(self._wrong_log(interruption))
        end = interruption.case.end(begun=interruption.has_begun)
        violations += self._wrong_end(interruption, end, parked_may_stay=True)
        violations += self._wrong_container(interruption, old)
        return [f"{interruption}: {violation}" for violation in violations]

    def after_repeating(self, interruption: Interruption, answer: int) -> list[str]:
        """Return the violations after the request was repeated."""
        violations = list(
            self._wrong_end(interruption, interruption.case.after, parked_may_stay=True)
        )
        if answer != interruption.case.answer:
            violations.append(f"the repeated request was answered {answer}")
        if self.environment.open_operations(interruption.game):
            violations.append("an operation is open after the repeated request")
        return [f"{interruption}, then repeated: {violation}" for violation in violations]

    def parked(self) -> list[str]:
        """Return the names of all parked containers on the network."""
        found = self.environment.docker.containers(
            all=True, filters={"network": self.environment.network}
        )
        return [each["Names"][0] for each in found if "-parked-" in each["Names"][0]]

    def leases(self) -> list[str]:
        """Return the keys of all leases that are left."""
        host, _, port = self.redis_address.partition(":")
        with closing(redis.Redis(host=host, port=int(port), decode_responses=True)) as client:
            return [str(key) for key in client.keys(LEASES)]

    def seconds_to_the_last_outcome(self, interruptions: Sequence[Interruption], log: str) -> float:
        """Return the seconds from the start of the process of this log to the last outcome.

        By the service's own timestamps: how often a busy host lets us poll must not count.
        """
        lines: list[Row] = [json.loads(line) for line in log.splitlines()]
        serving = next(each["timestamp"] for each in lines if each["event"] == "serving")
        rows = [
            row
            for interruption in interruptions
            for row in self.environment.operations(interruption.game)
        ]
        took = max(row["finished_at"] for row in rows) - datetime.fromisoformat(serving)
        return max(0.0, float(took.total_seconds()))

    def container_of(self, game: str) -> str | None:
        """Return the id of the container in the game's record."""
        record = self._record(game)
        return record["current_container_id"] if record else None

    def _wrong_log(self, interruption: Interruption) -> Iterator[str]:
        rows = self.environment.operations(interruption.game)[len(interruption.case.set_up) :]
        if not interruption.has_begun:
            yield from [f"an operation that never began: {row}" for row in rows]
            return
        if len(rows) != 1:
            yield f"{len(rows)} operations in the log"
            return
        expected = ("failure", START_FAILED) if interruption.case.fails else ("success", None)
        if (rows[0]["outcome"], rows[0]["error_code"]) != expected:
            yield f"{rows[0]['outcome']} {rows[0]['error_code']}: {rows[0]['error_message']}"

    def _wrong_container(self, interruption: Interruption, old: str | None) -> Iterator[str]:
        """Yield a container that was replaced unnecessarily, or not replaced."""
        now = self.container_of(interruption.game)
        replaced = interruption.has_begun and not interruption.case.keeps
        if replaced == (now == old):
            yield f"the record's container was {old} and is {now}"

    def _wrong_end(
        self, interruption: Interruption, end: EndState, *, parked_may_stay: bool
    ) -> Iterator[str]:
        """Yield how record and `docker inspect` differ from the end state or from each other."""
        record, names = self._record(interruption.game), self._names(interruption.game)
        status = record["status"] if record else "missing"
        image = record and record["current_image_ref"]
        if (status, image) != (end.status, end.version and image_of(end.version)):
            yield f"the record is {status} {image}, not {end}"
        if parked_may_stay and "journal.finish" in interruption.done:
            names = [name for name in names if "-parked-" not in name]
        if names != [f"galaxy-game-{interruption.game}"] * end.has_container:
            yield f"the containers are {names}"
        elif record is not None and end.has_container:
            yield from self._differences(record, end)

    def _differences(self, record: Row, end: EndState) -> Iterator[str]:
        inspected = self.environment.inspect(f"galaxy-game-{record['game_id']}")
        shown = (inspected["Id"], inspected["Image"], inspected["State"]["Running"])
        recorded = (record["current_container_id"], record["image_id"], end.status == "running")
        if shown != recorded:
            yield f"docker inspect shows {shown}, the record says {recorded}"

    def _record(self, game: str) -> Row | None:
        rows = self.environment.rows("SELECT * FROM runtime_records WHERE game_id = %s", game)
        return rows[0] if rows else None

    def _names(self, game: str) -> list[str]:
        return [each["Names"][0].removeprefix("/") for each in self.environment.containers(game)]
