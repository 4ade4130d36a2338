"""What the proxies write down of each protocol, however its bytes are cut."""

import pytest

from tests.support.recorder import (
    DockerRequests,
    Listener,
    PostgresRequests,
    Recorder,
    RedisRequests,
)


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message to Postgres."""
    return kind + (len(body) + 4).to_bytes(4) + body


def written(listener: type[Listener], stream: bytes, size: int) -> list[str]:
    """Return what is written down of bytes that arrive in pieces."""
    recorder = Recorder()
    reader = listener(recorder)  # type: ignore[call-arg]
    for start in range(0, len(stream), size):
        reader.feed(stream[start : start + size])
    return [str(each) for each in recorder.take()]


BEGIN = message(b"", (80877103).to_bytes(4)) + message(b"", (196608).to_bytes(4) + b"user\0me\0\0")
PREPARE = message(b"P", b"one\0SELECT  $1\0\0\0") + message(b"S")
EXECUTE = message(b"B", b"\0one\0\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0")
TWICE = EXECUTE + EXECUTE + message(b"H") + EXECUTE + message(b"S")


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_statements_and_waits_for_them(size: int) -> None:
    """Executions count, and the groups that are sent together; preparing and the start do not."""
    stream = BEGIN + PREPARE + TWICE + message(b"S") + message(b"Q", b"SELECT 2\0")
    one = "statement: SELECT $1"

    assert written(PostgresRequests, stream, size) == [
        *(one, one, "round trip"),
        *(one, "round trip"),
        *("statement: SELECT 2", "round trip"),
    ]


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_commands(size: int) -> None:
    """All that is sent together, but not the login of a connection."""
    stream = (
        b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*2\r\n$3\r\nget\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nPING\r\n"
    )

    assert written(RedisRequests, stream, size) == [
        "Redis command: GET a b",
        "Redis command: PING",
    ]


def test_calls() -> None:
    """Each request, but not its body."""
    recorder = Recorder()
    reader = DockerRequests(recorder)
    reader.feed(b"POST /v1.41/containers/g1/start HTTP/1.1\r\nHost: x\r\n\r\n")
    reader.feed(b"GET is not a request in a body")
    reader.feed(b"GET /info HTTP/1.1\r\n\r\n")

    assert [str(each) for each in recorder.take()] == [
        "Docker call: POST /containers/g1/start",
        "Docker call: GET /info",
    ]
    assert recorder.take() == []
