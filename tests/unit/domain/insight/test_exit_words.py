"""Sentences about an engine's end say who ended it, and no more than is known."""

from datetime import timedelta

import pytest

from rtmanager.domain.insight.engine_exit import EngineExit, Missed
from rtmanager.domain.insight.exit_words import own_words, signal_of, stopped_words
from tests.builders import NOON

SOON = NOON + timedelta(seconds=2)
LATE = NOON + timedelta(hours=2)
BY_OTHERS = "through Docker by someone else"
KILLED_BY_OTHERS = f"killed with SIGKILL {BY_OTHERS} (exit code 137)"


def ended(code: int | None, *signals: str, **more: object) -> EngineExit:
    """Return the end of an engine that was signalled at noon and ended soon after."""
    facts: dict[str, object] = {
        "exit_code": code,
        "signals": signals,
        "signalled_at": NOON if signals else None,
        "ended_at": SOON,
    }
    return EngineExit(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (ended(137, "SIGKILL"), f"was {KILLED_BY_OTHERS}"),
        (ended(143, "SIGTERM"), f"was stopped with SIGTERM {BY_OTHERS} (exit code 143)"),
        (ended(0, "SIGTERM"), f"was stopped with SIGTERM {BY_OTHERS} (exit code 0)"),
        (
            ended(137, "SIGTERM", "SIGKILL"),
            f"was sent SIGTERM, did not end, and was {KILLED_BY_OTHERS}",
        ),
        (ended(0), "exited by itself with code 0"),
        (ended(3, log_tail=("no such file",)), 'exited by itself with code 3 ("no such file")'),
        (ended(139), "crashed with SIGSEGV (exit code 139)"),
        (ended(137), "was ended by SIGKILL (exit code 137), but not through Docker"),
        (ended(200), "exited by itself with code 200"),
        (ended(None), "ended, with an exit code that nobody has seen"),
        (
            ended(137, oom_killed=True),
            "ran out of memory and was killed by the kernel (exit code 137)",
        ),
    ],
)
def test_end_is_said_as_it_was(end: EngineExit, words: str) -> None:
    """A kill, a stop, a crash and a lack of memory are told apart."""
    assert own_words(end, at=None) == words


def test_signal_long_before_did_not_end_the_engine() -> None:
    """Someone let the engine read its settings again, and hours later it crashed."""
    words = own_words(ended(3, "SIGHUP", ended_at=LATE), at=None)

    assert words == (
        "exited by itself with code 3; someone else had sent it SIGHUP at 2026-03-01 12:00:00 UTC"
    )


@pytest.mark.parametrize("code", [0, 3, 137, 143])
@pytest.mark.parametrize("missed", [Missed.DOCKER_AWAY, Missed.NOT_FOLLOWED, Missed.NOT_SHOWN])
def test_unseen_end_accuses_nobody(code: int, missed: Missed) -> None:
    """Where events were missed it is not known whether somebody has sent a signal."""
    words = own_words(ended(code, missed=missed), at=None)

    assert words.startswith(f"exited with code {code}")
    assert not any(each in words for each in ("by itself", "someone else", "through Docker"))


@pytest.mark.parametrize("code", [None, 0, 143])
def test_engine_that_was_lost_with_its_node_did_not_end_by_itself(code: int | None) -> None:
    """Whatever its exit code is: Swarm ends what was on a node that comes back."""
    words = own_words(EngineExit(exit_code=code, missed=Missed.NODE_LOST), at=LATE)

    assert words == "was lost with its node at 2026-03-01 14:00:00 UTC"


def test_own_stop_says_whether_the_grace_passed() -> None:
    """An engine that had to be killed may have lost what it was writing."""
    overdue = stopped_words(ended(137, "SIGTERM", "SIGKILL", is_overdue=True))

    assert overdue.endswith("did not end within its grace period and was killed with SIGKILL")
    assert stopped_words(ended(143)) == "the engine exited with code 143 (SIGTERM)"
    assert stopped_words(None) == "how it ended is not known"


@pytest.mark.parametrize(
    ("code", "name"), [(137, "SIGKILL"), (143, "SIGTERM"), (3, None), (255, None), (None, None)]
)
def test_exit_code_names_its_signal(code: int | None, name: str | None) -> None:
    """Codes above 128 are those of processes that a signal has ended."""
    assert signal_of(code) == name


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (137, "exited with code 137 (SIGKILL); a Swarm does not show who ended it"),
        (143, "exited with code 143 (SIGTERM); a Swarm does not show who ended it"),
        (3, "exited with code 3"),
    ],
)
def test_swarm_does_not_show_who_ended_an_engine(code: int, words: str) -> None:
    """It may have been somebody with `docker kill` on the node."""
    assert own_words(ended(code, missed=Missed.NOT_SHOWN), at=None) == words
