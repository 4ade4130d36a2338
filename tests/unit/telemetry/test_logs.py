import json
import logging
import re
import warnings
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from opentelemetry import trace

from rtmanager.telemetry.logs import configure_logs
from tests.support.observed import Counted

CONTEXT = trace.SpanContext(trace_id=1, span_id=2, is_remote=False)


@pytest.fixture(autouse=True)
def _process_wide_logging() -> Iterator[None]:
    """Restore the logging of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # pytest's handlers, which configuring would close
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level


def lines_of(stream: StringIO) -> list[dict[str, Any]]:
    """Parse JSON log lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_its_event_level_logger_time_and_fields() -> None:
    """Each line is a JSON object with event, level, logger, time and fields."""
    stream = StringIO()
    configure_logs("info", "json", stream)

    structlog.get_logger("rtmanager.test").info("operation_finished", duration_ms=12)

    (line,) = lines_of(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "operation_finished",
        "level": "info",
        "logger": "rtmanager.test",
        "duration_ms": 12,
    }


def test_lines_of_libraries_have_the_same_form() -> None:
    """Warnings of the server have the same format as ours; what it does is in our own words."""
    stream = StringIO()
    configure_logs("info", "json", stream)

    server = logging.getLogger("uvicorn.error")
    server.info("Started server process [%d]", 7)
    server.warning("Exceeded %d", 7, extra={"color_message": "coloured", "kept": 1})

    (line,) = lines_of(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Exceeded 7",
        "level": "warning",
        "logger": "uvicorn.error",
        "kept": 1,
    }


def test_bound_context_is_on_every_line() -> None:
    """A request's bound context is on our lines and on those of libraries."""
    stream = StringIO()
    configure_logs("info", "json", stream)

    with structlog.contextvars.bound_contextvars(game_id="g1", operation="start"):
        structlog.get_logger("a").info("ours")
        logging.getLogger("b").info("theirs")

    assert [(line["game_id"], line["operation"]) for line in lines_of(stream)] == [
        ("g1", "start"),
        ("g1", "start"),
    ]


def test_lines_below_the_level_are_not_written() -> None:
    """The level applies to our loggers and to libraries'."""
    stream = StringIO()
    configure_logs("warning", "json", stream)

    structlog.get_logger("a").info("ours")
    logging.getLogger("b").info("theirs")
    structlog.get_logger("a").warning("written")

    assert [line["event"] for line in lines_of(stream)] == ["written"]


def test_http_clients_do_not_log_each_of_their_requests() -> None:
    """An HTTP client's line per request is dropped; its warnings are not."""
    stream = StringIO()
    configure_logs("debug", "json", stream)

    logging.getLogger("httpx").info("HTTP Request: GET ...")
    logging.getLogger("httpx").warning("written")

    assert [line["event"] for line in lines_of(stream)] == ["written"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_logged_without_local_variables(form: str) -> None:
    """A traceback never contains local values, which may be secrets."""
    stream = StringIO()
    configure_logs("info", form, stream)

    def fail() -> None:
        password = f"hunter{2}"
        raise ValueError(len(password))

    try:
        fail()
    except ValueError:
        structlog.get_logger("a").exception("failed")

    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_an_exception_in_json_is_structured() -> None:
    """Type, message and frames of an exception are separate fields."""
    stream = StringIO()
    configure_logs("info", "json", stream)

    logging.getLogger("b").error("failed", exc_info=ValueError("why"))

    (line,) = lines_of(stream)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["exc_value"] == "why"


def test_a_line_names_the_trace_it_belongs_to() -> None:
    """Inside a span a line has the trace and span ids."""
    stream = StringIO()
    configure_logs("info", "json", stream)

    with trace.use_span(trace.NonRecordingSpan(CONTEXT)):
        structlog.get_logger("a").info("inside")

    (line,) = lines_of(stream)
    assert line["trace_id"] == "1".zfill(32)
    assert line["span_id"] == "2".zfill(16)


def test_warnings_become_log_lines() -> None:
    """A Python warning is a log line, not plain text on stderr."""
    stream = StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logs("info", "json", stream)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    (line,) = lines_of(stream)
    assert line["logger"] == "py.warnings"
    assert "old ways" in line["event"]


def test_the_console_form_is_human_readable() -> None:
    """The console format is one line of plain text with its fields."""
    stream = StringIO()
    configure_logs("info", "console", stream)

    structlog.get_logger("a").info("serving", port=8096)

    assert "serving" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_the_console_form_begins_with_what_people_look_for() -> None:
    """Time, level, event, game and outcome are in columns, what is technical at the end."""
    stream = StringIO()
    configure_logs("info", "console", stream)
    about = {"request_id": "r1", "source_ref": "r1", "kind": "stop", "container_id": "c" * 64}
    structlog.get_logger("rtmanager.a").warning("x", **about, outcome="failure", game_id="g1")
    structlog.get_logger("rtmanager.a").error("operation_finished", kind="stop")
    first, second = stream.getvalue().splitlines()

    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} \[warning  \] x +g1 +failure .*", first)
    assert first.endswith(f" failure kind=stop container_id={'c' * 12} request_id=r1 logger=a")
    assert second.endswith(" kind=stop logger=a")
    assert first.index("kind=") == second.index("kind=")


def test_a_traceback_begins_below_its_line() -> None:
    """Whoever looks through the first lines of entries finds no part of a traceback there."""
    stream = StringIO()
    configure_logs("info", "console", stream)

    logging.getLogger("rtmanager.a").error("it_failed", exc_info=ValueError("why"))

    line, *rest = stream.getvalue().splitlines()
    assert line.endswith("logger=a")
    assert rest == ["ValueError: why"]


def test_warnings_and_errors_of_ours_are_counted_by_event() -> None:
    """The events of the service are a closed set of names; those of libraries are sentences."""
    counted = Counted()
    configure_logs("warning", "json", StringIO())

    structlog.get_logger("rtmanager.a").info("fine")
    structlog.get_logger("rtmanager.a").warning("half_bad", game_id="g1")
    logging.getLogger("rtmanager.b").error("bad")
    logging.getLogger("library").error("got something from somebody")

    assert counted.labels("rtmanager.log.events") == [
        {"event": "bad", "level": "error"},
        {"event": "half_bad", "level": "warning"},
    ]


def test_colours_are_for_terminals_only() -> None:
    """Output to a file or a pipe has no escape codes."""
    plain, coloured = StringIO(), _Terminal()

    for stream in (plain, coloured):
        configure_logs("info", "console", stream)
        structlog.get_logger("a").info("serving", port=8096)

    assert "\x1b[" not in plain.getvalue()
    assert "\x1b[" in coloured.getvalue()


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("logger", ["ours", "of a library"])
def test_long_values_are_cut(logger: str) -> None:
    """What a caller or an engine wrote does not fill the log; a traceback stays whole."""
    stream, long = StringIO(), "x" * 100_000
    configure_logs("info", "json", stream)

    if logger == "ours":
        structlog.get_logger("rtmanager.test").info("request_failed", path=long)
    else:
        logging.getLogger("library").info(long, extra={"path": long})

    (line,) = lines_of(stream)
    assert line["path"] == "x" * 1_999 + "…"
    assert len(stream.getvalue()) < 5_000
