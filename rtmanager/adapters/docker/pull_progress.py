"""How far a pull is, from what Docker says about each layer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_DONE = {"Pull complete", "Already exists"}
_DOWNLOADING = "Downloading"
_MEGABYTE = 1_000_000


@dataclass(slots=True)
class _Layer:
    """A layer of an image; its sizes are those of its download, as far as Docker names them."""

    status: str = ""
    received: int = 0
    size: int = 0


@dataclass(slots=True)
class PullProgress:
    """Collects a pull's messages, and says in a line how far it is."""

    reference: str
    _layers: dict[str, _Layer] = field(default_factory=dict, init=False)

    def note(self, message: Mapping[str, Any]) -> None:
        """Note what a message says about its layer, if it is about one."""
        name, status = message.get("id"), str(message.get("status", ""))
        if not name or status.startswith("Pulling from"):
            return
        layer = self._layers.setdefault(str(name), _Layer())
        layer.status = status
        if status == _DOWNLOADING:
            detail = message.get("progressDetail") or {}
            layer.received, layer.size = _number(detail, "current"), _number(detail, "total")
        else:
            layer.received = layer.size

    @property
    def line(self) -> str:
        """How far the pull is: layers, and megabytes once a size is known."""
        done = sum(each.status in _DONE for each in self._layers.values())
        line = f"pulling {self.reference}: {done} of {len(self._layers)} layers"
        if not self._size:
            return line
        received = min(self._size, sum(each.received for each in self._layers.values()))
        return f"{line}, {received / _MEGABYTE:.1f} of {self._size / _MEGABYTE:.1f} MB"

    @property
    def last_line(self) -> str:
        """What was pulled."""
        count = len(self._layers)
        layers = f": {count} layer{'s' if count > 1 else ''}" if count else ""
        size = f", {self._size / _MEGABYTE:.1f} MB" if self._size else ""
        return f"pulled {self.reference}{layers}{size}"

    @property
    def _size(self) -> int:
        return sum(each.size for each in self._layers.values())


def _number(detail: object, key: str) -> int:
    value = detail.get(key) if isinstance(detail, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0
