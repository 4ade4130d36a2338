"""The containers of the fake Docker, shown as a real one showed a container of the service."""

import copy
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ANSWERS: Mapping[str, Any] = json.loads((Path(__file__).parent / "answers.json").read_text())
"""Recorded from Docker 20.10: version, info, a network, a container as listed and inspected."""

NETWORK = "galaxy"
GAME_LABEL = "com.galaxy.game_id"
_NEVER = "0001-01-01T00:00:00Z"


@dataclass
class Container:
    """One container; it runs or it does not."""

    id: str
    name: str
    address: str
    labels: Mapping[str, str]
    image: str
    host_config: Mapping[str, Any]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def runs(self) -> bool:
        """Return whether its engine runs."""
        return self.started is not None and self.ended is None

    @property
    def state(self) -> str:
        """Return Docker's word for its state."""
        return "running" if self.runs else "exited" if self.ended else "created"

    @property
    def status(self) -> str:
        """Return for how long it has been running in Docker's words, if it does."""
        if self.started is None or not self.runs:
            return "Exited (0) 2 hours ago" if self.ended else "Created"
        return f"Up {_in_words((datetime.now(UTC) - self.started).total_seconds())}"

    def listed(self) -> dict[str, Any]:
        """Return the entry of the list of containers."""
        entry = copy.deepcopy(ANSWERS["listed"])
        entry |= {"Id": self.id, "Names": [f"/{self.name}"], "Labels": self.labels}
        entry |= {"State": self.state, "Status": self.status, "Image": self.image}
        entry |= {"Created": int(self.created.timestamp())}
        entry["NetworkSettings"]["Networks"][NETWORK]["IPAddress"] = self._current_address
        return entry  # type: ignore[no-any-return]

    def inspected(self) -> dict[str, Any]:
        """Return the answer of an inspection."""
        answer = copy.deepcopy(ANSWERS["inspected"])
        answer |= {"Id": self.id, "Name": f"/{self.name}", "Created": _time(self.created)}
        answer["HostConfig"] |= self.host_config
        for shown, mount in zip(answer["Mounts"], self.host_config.get("Mounts", ()), strict=False):
            shown |= {"Source": mount["Source"], "Destination": mount["Target"]}
        answer["Config"] |= {"Labels": self.labels, "Image": self.image}
        answer["State"] |= {"Status": self.state, "Running": self.runs, "Pid": int(self.runs)}
        answer["State"] |= {"StartedAt": _time(self.started), "FinishedAt": _time(self.ended)}
        answer["NetworkSettings"]["Networks"][NETWORK]["IPAddress"] = self._current_address
        return answer  # type: ignore[no-any-return]

    @property
    def _current_address(self) -> str:
        return self.address if self.runs else ""


class Containers:
    """All containers of the fake, and the addresses that are free."""

    def __init__(self, addresses: Iterator[str]) -> None:
        self._addresses = addresses
        self._free: list[str] = []
        self._all: dict[str, Container] = {}

    def add_running(self, game: str, *, age: timedelta) -> None:
        """Add an engine that runs, with the id that `insert_fleet` gives to its container."""
        labels = ANSWERS["listed"]["Labels"] | {GAME_LABEL: game}
        container = Container(
            hashlib.sha256(game.encode()).hexdigest(),
            f"galaxy-game-{game}",
            next(self._addresses),
            labels,
            ANSWERS["listed"]["Image"],
            {},
            created=datetime.now(UTC) - age,
        )
        container.started = container.created
        self._all[container.id] = container

    def create(self, name: str, config: Mapping[str, Any]) -> Container:
        """Add a container as Docker's create does."""
        address = self._free.pop() if self._free else next(self._addresses)
        labels, image = config["Labels"], config["Image"]
        host = config["HostConfig"]
        container = Container(secrets.token_hex(32), name, address, labels, image, host)
        self._all[container.id] = container
        return container

    def remove(self, container: Container) -> None:
        """Forget the container; its address is free."""
        self._free.append(container.address)
        del self._all[container.id]

    def find(self, key: str) -> Container | None:
        """Return the container with this id or name."""
        by_name = (each for each in self._all.values() if each.name == key)
        return self._all.get(key) or next(by_name, None)

    def matching(self, filters: Mapping[str, Any]) -> Iterator[Container]:
        """Yield the containers that a list with these filters shows: ids and labels."""
        labels = dict(text.partition("=")[::2] for text in filters.get("label", ()))
        ids = filters.get("id")
        for each in self._all.values():
            if ids is not None and each.id not in ids:
                continue
            if all(each.labels.get(name) == value for name, value in labels.items()):
                yield each


def _in_words(seconds: float) -> str:
    """Return a time in Docker's words, up to days."""
    minutes, hours = int(seconds // 60), round(seconds / 3600)
    if seconds < 1:
        return "Less than a second"
    if minutes < 1:
        return "1 second" if seconds < 2 else f"{int(seconds)} seconds"  # noqa: PLR2004 - one
    if minutes < 60:  # noqa: PLR2004 - an hour
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:  # noqa: PLR2004 - two days
        return "About an hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"


def _time(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else _NEVER
