"""What Docker's list says of a container in words."""

import pytest

from rtmanager.adapters.docker.status_words import up_and_health

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Up Less than a second", 0),
        ("Up 1 second", 1),
        ("Up 59 seconds", 59),
        ("Up About a minute", MINUTE),
        ("Up 2 minutes", 2 * MINUTE),
        ("Up About an hour", HOUR / 2),  # from 59.5 minutes on, in fact
        ("Up 2 hours", 1.5 * HOUR),
        ("Up 2 days", 2 * DAY - HOUR / 2),
        ("Up 3 weeks", 21 * DAY - HOUR / 2),
        ("Up 2 months", 60 * DAY - HOUR / 2),
        ("Up 4 years", 1460 * DAY - HOUR / 2),
    ],
)
def test_the_time_is_the_shortest_that_the_words_allow(words: str, seconds: float) -> None:
    """Docker rounds to full hours, and cuts off everything else."""
    assert up_and_health(words) == (seconds, None)


@pytest.mark.parametrize(
    ("words", "health"),
    [
        ("Up 3 hours (healthy)", "healthy"),
        ("Up 3 hours (unhealthy)", "unhealthy"),
        ("Up 3 hours (health: starting)", "starting"),
    ],
)
def test_the_health_is_that_of_an_inspection(words: str, health: str) -> None:
    """Docker's own check, in the words of its inspection."""
    assert up_and_health(words) == (2.5 * HOUR, health)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Created",
        "Exited (0) 2 hours ago",
        "Restarting (1) 3 seconds ago",
        "Up 3 hours (Paused)",
        "Up 3 hours (well)",
        "up 3 hours",
        "Up 3 fortnights",
        "Up 3 hours, more or less",
    ],
)
def test_other_words_say_nothing(words: str) -> None:
    """Whoever has to know inspects the container."""
    assert up_and_health(words) == (None, None)
