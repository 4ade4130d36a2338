import logging

import pytest

from rtmanager.domain.health import HealthEventType
from rtmanager.domain.health_report import log_health_event
from tests.builders import make_event


@pytest.mark.parametrize(
    ("event_type", "exit_code", "name", "ended_by"),
    [
        (HealthEventType.CONTAINER_EXITED, 137, "engine_exited", "SIGKILL"),
        (HealthEventType.CONTAINER_EXITED, 143, "engine_exited", "SIGTERM"),
        (HealthEventType.CONTAINER_EXITED, 3, "engine_exited", None),
        (HealthEventType.CONTAINER_EXITED, 255, "engine_exited", None),
        (HealthEventType.CONTAINER_OOM, 137, "engine_out_of_memory", "SIGKILL"),
    ],
)
def test_a_dead_engine_is_a_warning_with_its_exit_code_and_signal(
    caplog: pytest.LogCaptureFixture,
    event_type: HealthEventType,
    exit_code: int,
    name: str,
    ended_by: str | None,
) -> None:
    """A code above 128 reports the signal that ended the process, if one has that number."""
    log_health_event(make_event(event_type=event_type, details={"exit_code": exit_code}))

    (line,) = caplog.records
    assert (line.msg, line.levelno) == (name, logging.WARNING)
    assert vars(line)["exit_code"] == exit_code
    assert vars(line).get("signal") == ended_by
    assert vars(line)["game_id"] == make_event().game_id


def test_the_start_of_an_engine_has_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Its operation has one."""
    log_health_event(make_event(event_type=HealthEventType.CONTAINER_STARTED, details={}))

    assert caplog.records == []
