"""How often the refusal of a game that never ran may be written to the operation log."""

from dataclasses import dataclass, field

from rtmanager.domain.ports.clock import Clock

BURST = 100
PER_SECOND = 1.0


@dataclass(slots=True)
class RefusalRate:
    """A token bucket: a burst at once, then a steady rate; each process has its own.

    Anyone who reaches the port can make up game ids. Their refusals are answered and logged at any
    rate; `unrecorded` counts those that got no row. Log lines of malformed jobs have another one.
    """

    clock: Clock
    burst: int = BURST
    per_second: float = PER_SECOND
    unrecorded: int = field(default=0, init=False)
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._at = float(self.burst), self.clock.monotonic()

    def admits(self) -> bool:
        """Return whether one more may be written, and count it if so."""
        now = self.clock.monotonic()
        self._left = min(float(self.burst), self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < 1:
            self.unrecorded += 1
            return False
        self._left -= 1
        return True
