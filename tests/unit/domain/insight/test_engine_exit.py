"""How an engine's end is kept in the details of an operation."""

import json
from datetime import UTC, datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.insight.engine_exit import DETAIL, EngineExit, Missed, exit_of
from rtmanager.domain.operation import Fence, Operation
from tests.builders import NOON, make_request


def _operation(**details: object) -> Operation:
    stored = json.loads(json.dumps(details))
    return Operation(
        id=Fence(1),
        request=make_request(),
        started_at=NOON,
        finished_at=NOON,
        container_id=ContainerId("c1"),
        details=stored,
    )


def test_exit_comes_back_as_it_was_stored() -> None:
    """Nothing is lost on the way through JSON."""
    ended = EngineExit(
        container_id=ContainerId("c1"),
        exit_code=137,
        oom_killed=True,
        signals=("SIGTERM", "SIGKILL"),
        signalled_at=datetime(2026, 4, 28, 12, 1, tzinfo=UTC),
        ended_at=datetime(2026, 4, 28, 12, 2, tzinfo=UTC),
        log_tail=("one", "two"),
        missed=Missed.DOCKER_AWAY,
        is_overdue=True,
    )

    assert exit_of(_operation(**{DETAIL: ended.details})) == ended


def test_exit_of_the_previous_release_is_read() -> None:
    """It had an exit code or the last lines, and did not know who had ended the engine."""
    ended = exit_of(_operation(exit_code=3, log_tail=["no such state file"]))

    assert ended is not None
    assert (ended.exit_code, ended.log_tail) == (3, ("no such state file",))
    assert (ended.signal, ended.missed) == (None, Missed.NOT_FOLLOWED)


def test_operation_without_an_exit_has_none() -> None:
    """A start that succeeded has ended nothing."""
    assert exit_of(_operation(healthy=True)) is None


def test_last_lines_are_printable() -> None:
    """An engine cannot move the cursor of whoever reads its last lines."""
    assert EngineExit(log_tail=("\x1b[2J",)).log_tail == ("\\x1b[2J",)
