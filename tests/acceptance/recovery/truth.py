"""What must be true of a game after its operation was killed and the service came back."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import redis

from tests.acceptance.recovery.killing import Death
from tests.acceptance.recovery.operations import End
from tests.acceptance.stage import Row, Stage, image_of

START_FAILED = "container_start_failed"
LEASES = "rtmanager:*:game_lease:*"


@dataclass(frozen=True)
class Truth:
    """Looks at Postgres, Docker and Redis, and tells what is wrong; nothing, if all is well."""

    stage: Stage
    redis_address: str

    def after_recovery(self, death: Death, old: str | None) -> list[str]:
        """Tell what docs/recovery.md says otherwise; `old` is the container before the kill."""
        faults = list(self._wrong_log(death))
        end = death.case.end(begun=death.has_begun)
        faults += self._wrong_end(death, end, parked_may_stay=True)
        faults += self._wrong_container(death, old)
        return [f"{death}: {fault}" for fault in faults]

    def after_repeating(self, death: Death, answer: int) -> list[str]:
        """Tell what is wrong after the request was sent again."""
        faults = list(self._wrong_end(death, death.case.after, parked_may_stay=True))
        if answer != death.case.answer:
            faults.append(f"the repeated request was answered {answer}")
        if death.game in self.open_operations():
            faults.append("an operation is open after the repeated request")
        return [f"{death}, then repeated: {fault}" for fault in faults]

    def parked(self) -> list[str]:
        """Return the names of all parked containers on the network."""
        found = self.stage.docker.containers(all=True, filters={"network": self.stage.network})
        return [each["Names"][0] for each in found if "-parked-" in each["Names"][0]]

    def leases(self) -> list[str]:
        """Return the keys of all leases that are left."""
        host, _, port = self.redis_address.partition(":")
        with closing(redis.Redis(host=host, port=int(port), decode_responses=True)) as client:
            return [str(key) for key in client.keys(LEASES)]

    def open_operations(self) -> list[str]:
        """Return the games whose operations are open."""
        statement = "SELECT game_id FROM operation_log WHERE outcome IS NULL AND game_id <> %s"
        return [str(row["game_id"]) for row in self.stage.rows(statement, "none")]

    def seconds_to_the_last_end(self, deaths: Sequence[Death], log: str) -> float:
        """Return how long after it began to serve the process of this log ended what had died.

        By the service's own timestamps: how often a busy host lets us look does not count.
        """
        lines: list[Row] = [json.loads(line) for line in log.splitlines()]
        serving = next(each["timestamp"] for each in lines if each["event"] == "serving")
        rows = [row for death in deaths for row in self.stage.operations(death.game)]
        took = max(row["finished_at"] for row in rows) - datetime.fromisoformat(serving)
        return max(0.0, float(took.total_seconds()))

    def container_of(self, game: str) -> str | None:
        """Return the id of the container in the game's record."""
        record = self._record(game)
        return record["current_container_id"] if record else None

    def _wrong_log(self, death: Death) -> Iterator[str]:
        rows = self.stage.operations(death.game)[len(death.case.set_up) :]
        if not death.has_begun:
            yield from [f"an operation that never began: {row}" for row in rows]
            return
        if len(rows) != 1:
            yield f"{len(rows)} operations in the log"
            return
        expected = ("failure", START_FAILED) if death.case.fails else ("success", None)
        if (rows[0]["outcome"], rows[0]["error_code"]) != expected:
            yield f"{rows[0]['outcome']} {rows[0]['error_code']}: {rows[0]['error_message']}"

    def _wrong_container(self, death: Death, old: str | None) -> Iterator[str]:
        """Tell a container that was replaced without need, or not replaced."""
        now = self.container_of(death.game)
        replaced = death.has_begun and not death.case.keeps
        if replaced == (now == old):
            yield f"the record's container was {old} and is {now}"

    def _wrong_end(self, death: Death, end: End, *, parked_may_stay: bool) -> Iterator[str]:
        """Tell where record and `docker inspect` differ from the end or from each other."""
        record, names = self._record(death.game), self._names(death.game)
        status = record["status"] if record else "missing"
        image = record and record["current_image_ref"]
        if (status, image) != (end.status, end.version and image_of(end.version)):
            yield f"the record is {status} {image}, not {end}"
        if parked_may_stay and "journal.finish" in death.done:
            names = [name for name in names if "-parked-" not in name]
        if names != [f"galaxy-game-{death.game}"] * end.has_container:
            yield f"the containers are {names}"
        elif record is not None and end.has_container:
            yield from self._differences(record, end)

    def _differences(self, record: Row, end: End) -> Iterator[str]:
        seen = self.stage.inspect(f"galaxy-game-{record['game_id']}")
        shown = (seen["Id"], seen["Image"], seen["State"]["Running"])
        said = (record["current_container_id"], record["image_id"], end.status == "running")
        if shown != said:
            yield f"docker inspect shows {shown}, the record says {said}"

    def _record(self, game: str) -> Row | None:
        rows = self.stage.rows("SELECT * FROM runtime_records WHERE game_id = %s", game)
        return rows[0] if rows else None

    def _names(self, game: str) -> list[str]:
        return [each["Names"][0].removeprefix("/") for each in self.stage.containers(game)]
