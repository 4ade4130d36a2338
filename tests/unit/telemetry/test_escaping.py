import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from rtmanager.telemetry.escaping import escaped
from rtmanager.telemetry.logs import configure_logs

HOSTILE = "a\x1b[2J\x9b1m\rb\nc\u2028d\u202ee\x07f\x00g\u200bh\x7f"
ACTING = set(HOSTILE) - set("a[2J1mbcdefgh")


@pytest.fixture(autouse=True)
def _process_wide_logging() -> Iterator[None]:
    """Restore the logging of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # pytest's handlers, which configuring would close
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


@pytest.fixture
def console() -> StringIO:
    """Return the stream to which lines for people are written."""
    stream = StringIO()
    configure_logs("info", "console", stream)
    return stream


def acting_in(text: str) -> set[str]:
    """Return the characters that would act on a terminal, beside the ends of lines."""
    return ACTING & set(text.replace("\n", ""))


def test_printable_text_stays_as_it_is() -> None:
    """People read their own language."""
    assert escaped("Käse für 5 €, 中文 \\n") == "Käse für 5 €, 中文 \\n"


def test_everything_else_is_written_as_in_a_python_string() -> None:
    """Escape sequences, ends of lines, overrides of direction and lone surrogates."""
    text = "a\\x1b[2J\\x9b1m\\rb\\nc\\u2028d\\u202ee\\x07f\\x00g\\u200bh\\x7f"

    assert escaped(HOSTILE) == text
    assert escaped("\ud800") == "\\ud800"


def test_the_event_and_every_value_are_escaped(console: StringIO) -> None:
    """Whatever a caller sends, a line stays one line, and nothing acts on the terminal."""
    structlog.get_logger("test").info(
        f"ours {HOSTILE}",
        text=HOSTILE,
        listed=[HOSTILE],
        mapped={HOSTILE: HOSTILE},
        error=ValueError(HOSTILE),
        number=12,
    )

    text = console.getvalue()
    assert text.count("\n") == 1
    assert acting_in(text) == set()
    assert "number=12" in text


def test_lines_of_libraries_are_escaped_too(console: StringIO) -> None:
    """A library may log what it received."""
    logging.getLogger("lib").warning("got %s", HOSTILE, extra={"path": HOSTILE, HOSTILE: 1})

    text = console.getvalue()
    assert text.count("\n") == 1
    assert acting_in(text) == set()


def test_an_object_that_prints_itself_is_escaped(console: StringIO) -> None:
    """The text form of an object may be of any characters."""

    class Hostile:
        def __repr__(self) -> str:
            return HOSTILE

    structlog.get_logger("test").info("ours", thing=Hostile())

    assert console.getvalue().count("\n") == 1
    assert acting_in(console.getvalue()) == set()


def test_a_traceback_keeps_its_lines_and_escapes_its_messages(console: StringIO) -> None:
    """The frames and the chain of causes are ours; what the messages quote is not."""
    group = ExceptionGroup(f"second {HOSTILE}", [KeyError("k"), OSError(HOSTILE)])
    group.__cause__ = ValueError(f"first {HOSTILE}\n2026-11-23 [error] forged")
    try:
        raise group
    except ExceptionGroup:
        structlog.get_logger("test").exception("it_failed")

    text = console.getvalue()
    lines = text.splitlines()
    assert acting_in(text) == set()
    assert "The above exception was the direct cause of the following exception:" in lines
    assert any(line.lstrip(" |").startswith('File "') for line in lines)
    assert not any(line.startswith("2026-11-23 [error] forged") for line in lines)
    assert "ValueError: first a\\x1b[2J" in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_both_formats_write_one_line(form: str) -> None:
    """JSON escapes everything that is not ASCII."""
    stream = StringIO()
    configure_logs("info", form, stream)

    structlog.get_logger("test").info("ours", text=HOSTILE)

    assert stream.getvalue().count("\n") == 1
    assert acting_in(stream.getvalue()) == set()
