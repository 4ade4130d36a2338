"""How often Docker's own health check runs, and how long it may be, if the image declares one.

For each check the daemon executes a program in the container. The program has the engine's limits,
but what Docker does for it has none: about 0.06 to 0.1 CPU seconds, and three events, two of which
repeat the whole command to everyone who listens.
"""

from rtmanager.domain.container import HealthIntervals
from rtmanager.domain.errors import StartConfigInvalid

SECOND = 1_000_000_000
LEAST = 10 * SECOND
"""The monitoring asks for the result every 30 s by default, so that more checks show no more."""
DOCKER_DEFAULT = 30 * SECOND
LONGEST_TEST = 4 * 1024
"""Characters of a health check's command."""


def bounded_intervals(declared: HealthIntervals | None) -> HealthIntervals | None:
    """Return the intervals of an engine whose image declares these; None without a health check.

    Longer ones stay as they are. Docker's default in the start period, 5 s, is too short as well.
    """
    if declared is None:
        return None
    return HealthIntervals(
        running=max(declared.running or DOCKER_DEFAULT, LEAST),
        starting=max(declared.starting, LEAST),
    )


def check_test_length(length: int) -> None:
    """Raise StartConfigInvalid when the command of the image's health check is too long."""
    if length > LONGEST_TEST:
        raise StartConfigInvalid(
            f"the image's HEALTHCHECK has {length} characters; at most {LONGEST_TEST} are "
            "accepted, so put a longer command into a file of the image"
        )
