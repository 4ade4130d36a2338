"""Log lines of one format, from the service, the server and libraries alike.

Bind the fields of every line of a request or job with `structlog.contextvars`: `game_id`,
`operation`, `source`, `request_id`.
"""

import logging
import sys
from typing import TextIO

import structlog
from opentelemetry import trace
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

from rtmanager.telemetry.console import columns, shorten
from rtmanager.telemetry.escaping import escape_values, write_traceback
from rtmanager.telemetry.instruments import log_events

_TALKATIVE = ("uvicorn", "httpx", "httpcore", "urllib3", "docker", "connexion")
"""Libraries that log each request or step of ours, which we log in our own words if at all."""
_COUNTED = {"warning", "error", "critical"}
_LONGEST = 2_000
"""Maximum length of a value, except a stack or a traceback."""


def configure_logs(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send the log lines of the whole process to a stream, as `json` or for the `console`."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form, colours=stream.isatty()))
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _formatter(form: str, *, colours: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(), _cut_texts, _drop_colours],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_as_json() if form == "json" else _human_readable(colours=colours)),
        ],
    )


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _cut_texts,
        _add_trace,
        _count,
    ]


def _as_json() -> list[Processor]:
    # Local variables stay out of tracebacks in both forms: they hold DSNs and passwords.
    transformer = ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(transformer),
        structlog.processors.JSONRenderer(),
    ]


def _human_readable(*, colours: bool) -> list[Processor]:
    return [
        escape_values,
        shorten,
        structlog.dev.ConsoleRenderer(
            columns=columns(colours=colours),
            exception_formatter=write_traceback,
            sort_keys=False,
        ),
    ]


def _add_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the trace id, so that a line leads to its trace."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _count(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Count the warnings and errors of our own, whose events are a closed set of names."""
    if event["level"] in _COUNTED and event["logger"].startswith("rtmanager."):
        log_events.add(1, {"event": event["event"], "level": event["level"]})
    return event


def _cut_texts(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Cut long values: a caller's path or an engine's words may be of any length."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _LONGEST and name != "stack":
            event[name] = f"{value[: _LONGEST - 1]}…"
    return event


def _drop_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second, coloured copy of its message."""
    event.pop("color_message", None)
    return event
