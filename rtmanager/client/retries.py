"""When a call is tried again, and after which delay."""

import random
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus

from rtmanager.client.errors import (
    ClientError,
    DockerUnavailable,
    ServiceUnavailable,
    UnexpectedAnswer,
    Unreachable,
)

_OF_A_PROXY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
"""What a proxy in front answers in its own words while no replica answers it."""


class Repeats(Enum):
    """What the contract says about sending a request a second time."""

    READ = auto()
    """Nothing changes."""
    REPLAY = auto()
    """The result is that of the first: start, stop, patch, cleanup."""
    WORD = auto()
    """What is said of a node is the same when it is said twice."""
    UNSAFE = auto()
    """Each request restarts the engine; only one that was not sent may be repeated."""
    PROBE = auto()
    """Nothing changes, and a 503 is the answer that was asked for."""


_REPEATABLE = {Repeats.READ, Repeats.REPLAY, Repeats.WORD}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried, and how long the delays in between are.

    A delay is drawn between half of its value and the whole, so that callers that failed together
    do not return together.
    """

    tries: int = 4
    first_delay: float = 0.2
    longest_delay: float = 5.0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after this many failures in a row."""
        whole = min(self.first_delay * 2.0 ** min(failures - 1, 30), self.longest_delay)
        return self._random.uniform(whole / 2, whole)

    def may_try_again(self, fault: ClientError, repeats: Repeats, failures: int) -> bool:
        """Say whether a call that failed this many times is tried once more."""
        return failures < self.tries and is_worth_repeating(fault, repeats)


def is_worth_repeating(fault: ClientError, repeats: Repeats) -> bool:
    """Say whether the same request is safe to send again, and may fare better."""
    if isinstance(fault, Unreachable):
        return not fault.was_sent or repeats is not Repeats.UNSAFE
    is_of_a_proxy = isinstance(fault, UnexpectedAnswer) and fault.status in _OF_A_PROXY
    is_unavailable = isinstance(fault, ServiceUnavailable | DockerUnavailable)
    return (is_unavailable or is_of_a_proxy) and repeats in _REPEATABLE
