from collections.abc import Iterator

import pytest
from docker.errors import StreamParseError

from rtmanager.adapters.docker.client import Bulkhead
from rtmanager.adapters.docker.image_pulls import PULLS_PER_REGISTRY, follow, read_messages
from rtmanager.domain.ports.container_host import ImagePullFailed

DONE = {"status": "Status: Downloaded newer image for a:1"}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"error": "no space left", "errorDetail": {"message": "no space left"}}, "no space left"),
        ({"errorDetail": {"message": "denied"}}, "denied"),
        ({"errorDetail": {"code": 5}}, "code"),
        ({"error": "blob unknown"}, "blob unknown"),
    ],
)
def test_any_error_in_the_stream_fails_the_pull(message: dict[str, object], words: str) -> None:
    """An error fails the pull even if a success message follows."""
    with pytest.raises(ImagePullFailed) as caught:
        follow([message, DONE], "a:1", print)

    assert words in str(caught.value.detail)


@pytest.mark.parametrize("messages", [[], [{"status": "Pulling from a", "id": "1"}]])
def test_a_stream_without_its_success_message_fails_the_pull(
    messages: list[dict[str, object]],
) -> None:
    """A cut stream is a failure, because an older image may still have the tag."""
    with pytest.raises(ImagePullFailed, match="without a final status"):
        follow(messages, "a:1", lambda _: None)


def test_progress_is_one_line_per_second_at_most() -> None:
    """A burst of a thousand messages is one line, and one more at the end."""
    layers = [{"id": f"l{n}", "status": "Pull complete"} for n in range(1000)]
    lines: list[str] = []

    follow([*layers, DONE], "a:1", lines.append, lambda: 0.0)

    assert lines == ["pulling a:1: 1 of 1 layers", "pulled a:1: 1000 layers"]


def test_no_few_registries_can_keep_all_threads_of_pulls() -> None:
    """A pull from another registry finds a thread while ten hold all that they may have."""
    assert Bulkhead.PULL.value >= 10 * PULLS_PER_REGISTRY


@pytest.mark.parametrize(
    "chunks",
    [
        [b'{"a": 1}\r\n{"b": 2}\r\n'],
        [b'{"a"', b": 1}\r", b'\n{"b": 2}', b"\r\n"],
        [b'\r\n{"a": 1}\n\n{"b": 2}'],
    ],
)
def test_messages_are_read_whatever_the_chunks_are(chunks: list[bytes]) -> None:
    """A message ends with its line, or with the answer."""
    assert list(read_messages(chunks)) == [{"a": 1}, {"b": 2}]


def test_line_without_end_fails_the_pull() -> None:
    """Docker quotes what a registry answers for a layer, however long; it is not collected."""
    read: list[bytes] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(b"x" * 65_536)
            yield read[-1]

    with pytest.raises(ImagePullFailed) as caught:
        list(read_messages(endless()))

    assert len(read) == 5
    assert str(caught.value.detail).startswith("xxx")


@pytest.mark.parametrize("line", [b"no json\n", b"[1]\n", b"1\n", b'{"status": "Pu'])
def test_line_that_is_no_message_is_an_error(line: bytes) -> None:
    """The stream was cut off, or does not come from Docker."""
    with pytest.raises(StreamParseError):
        list(read_messages([line]))
