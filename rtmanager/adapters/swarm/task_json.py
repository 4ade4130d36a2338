"""Reading Swarm's JSON of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from rtmanager.adapters.docker.docker_json import parse_time
from rtmanager.adapters.swarm.api import Json
from rtmanager.domain.container import GAME_ID_LABEL
from rtmanager.domain.node import NodeId

_EPOCH = datetime.fromtimestamp(0, UTC)
_ENDED = frozenset({"complete", "shutdown", "failed", "rejected"})
"""The states after which nothing runs; `orphaned` says that nobody has heard of it for a day."""
_EXITED_BY_ITSELF = "task: non-zero exit"
_GIVEN_UP = "no longer meets constraints"

_NO_SOURCE = "bind source path does not exist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt of Swarm to run a service's container; the one that was created last is greater.

    `run` is the number of the start that caused it, `status_at` when the node saw the state.
    `addresses` are those on each network, by its name. A plain container on a network is a task
    without a service.
    """

    id: str
    service: str
    node: NodeId | None
    state: str
    wanted: str
    run: int
    created_at: datetime
    status_at: datetime
    error: str
    game_id: str | None
    exit_code: int | None
    container: str | None
    addresses: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, answer: Json) -> Self:
        """Read an entry of the list of tasks."""
        status = answer["Status"]
        container = status.get("ContainerStatus") or {}
        shows_end = container.get("ContainerID") and not _is_given_up(status)
        attached = answer["Spec"].get("NetworkAttachmentSpec") or {}
        return cls(
            id=answer["ID"],
            service=answer.get("ServiceID") or "",
            node=NodeId(answer["NodeID"]) if answer.get("NodeID") else None,
            state=status["State"],
            wanted=answer["DesiredState"],
            run=answer["Spec"].get("ForceUpdate", 0),
            created_at=parse_time(answer["CreatedAt"]) or _EPOCH,
            status_at=parse_time(status["Timestamp"]) or _EPOCH,
            error=status.get("Err", ""),
            game_id=((answer["Spec"].get("ContainerSpec") or {}).get("Labels") or {}).get(
                GAME_ID_LABEL
            ),
            exit_code=container.get("ExitCode") if shows_end else None,
            container=container.get("ContainerID") or attached.get("ContainerID") or None,
            addresses=dict(map(_attachment, answer.get("NetworksAttachments") or ())),
        )

    def __lt__(self, other: "Task") -> bool:
        """Order by the time of creation."""
        return (self.created_at, self.id) < (other.created_at, other.id)

    @property
    def has_ended(self) -> bool:
        """Return whether Swarm knows that nothing of it runs."""
        return self.state in _ENDED and not self.is_given_up

    @property
    def is_given_up(self) -> bool:
        """Return whether Swarm rejects it because its node suits it no more; it may still run.

        The managers say so themselves, before its node hears of it, and let the node say no more.
        """
        return _is_given_up({"State": self.state, "Err": self.error})

    @property
    def lacks_directory(self) -> bool:
        """Return whether its node has refused it for a directory or file that is not there."""
        return self.state == "rejected" and _NO_SOURCE in self.error

    @property
    def was_started(self) -> bool:
        """Return whether its process has begun, however it ended."""
        if self.is_given_up:
            return self.container is not None
        if not self.has_ended:
            return self.state == "running"
        ended_itself = not self.error or self.error.startswith(_EXITED_BY_ITSELF)
        return self.container is not None and ended_itself


def _is_given_up(status: Json) -> bool:
    return status["State"] == "rejected" and _GIVEN_UP in status.get("Err", "")


def _attachment(entry: Json) -> tuple[str, tuple[str, ...]]:
    addresses = (each.partition("/")[0] for each in entry.get("Addresses") or ())
    return entry["Network"]["Spec"]["Name"], tuple(addresses)
