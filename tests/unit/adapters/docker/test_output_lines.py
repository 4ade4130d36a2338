"""Splitting Docker's log stream into lines, however it is divided and whatever it contains."""

from datetime import UTC, datetime

import pytest

from rtmanager.adapters.docker.output_lines import OutputLines
from rtmanager.domain.container_output import LINE_LIMIT, OutputLine, OutputStream
from rtmanager.domain.ports.container_host import DockerUnavailable

TIME = "2026-04-28T12:00:00.123456789Z"
AT = datetime(2026, 4, 28, 12, 0, 0, 123456, tzinfo=UTC)


def frame(text: str | bytes, stream: int = 1) -> bytes:
    """Return a frame as Docker sends it, with its time."""
    payload = f"{TIME} ".encode() + (text.encode() if isinstance(text, str) else text)
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4) + payload


def read(*chunks: bytes) -> list[OutputLine]:
    """Return all lines of these chunks."""
    lines = OutputLines()
    return [line for chunk in chunks for line in lines.take(chunk)] + lines.end()


def test_lines_have_their_stream_and_time() -> None:
    """Docker says of each line where it was written and when it came."""
    assert read(frame("one\n") + frame("two\n", 2)) == [
        OutputLine(AT, OutputStream.STDOUT, "one"),
        OutputLine(AT, OutputStream.STDERR, "two"),
    ]


def test_frames_may_be_divided_anywhere() -> None:
    """A chunk may end within a header, a time or a line."""
    whole = frame("one\n") + frame("two\r\n")
    bytewise = read(*(bytes([each]) for each in whole))

    assert [each.text for each in bytewise] == ["one", "two"]


def test_long_line_comes_in_parts_and_is_cut() -> None:
    """Docker divides it into frames with a time each; what does not fit is not kept."""
    parts = [frame("x" * 16_384) for _ in range(50)]
    (line,) = read(*parts, frame("end\n"))

    assert (len(line.text), line.text[-1]) == (LINE_LIMIT, "…")


def test_endless_line_takes_no_memory() -> None:
    """An engine that never ends its line is read in bounded memory."""
    lines = OutputLines()
    for _ in range(2_000):
        assert lines.take(frame("x" * 16_384)) == []

    (line,) = lines.end()

    assert len(line.text) == LINE_LIMIT
    assert len(lines._buffer) == 0  # noqa: SLF001 - what is kept is the point


def test_streams_have_their_own_lines() -> None:
    """Parts of a line on one stream are not joined with the other's."""
    texts = [each.text for each in read(frame("a"), frame("b\n", 2), frame("c\n"))]

    assert texts == ["b", "ac"]


def test_terminal_escapes_are_shown_and_not_executed() -> None:
    """What an engine writes moves no cursor and is no second line."""
    (line,) = read(frame("\x1b[2J\x07red\x00\n"))

    assert line.text == "\\x1b[2J\\x07red\\x00"


def test_broken_utf_8_is_readable() -> None:
    """Bytes that are no text are replaced."""
    (line,) = read(frame(b"\xff\xfe ok\n"))

    assert line.text == "\ufffd\ufffd ok"


def test_output_of_a_terminal_has_no_frames() -> None:
    """A container that others made with a terminal sends its lines as they are."""
    (line,) = read(f"{TIME} hello\r\n".encode())

    assert line == OutputLine(AT, OutputStream.STDOUT, "hello")


def test_frame_that_is_too_large_is_no_output() -> None:
    """A server that is no Docker makes us keep nothing."""
    with pytest.raises(DockerUnavailable):
        read(bytes([1, 0, 0, 0, 0x7F, 0, 0, 0]))
