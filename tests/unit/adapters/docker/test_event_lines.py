import json
from typing import Any

import pytest

from rtmanager.adapters.docker.container_views import event
from rtmanager.domain.container import GAME_ID_LABEL, ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable


def line(**changes: Any) -> bytes:
    """Return an event as Docker writes it."""
    entry = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "c1", "Attributes": {GAME_ID_LABEL: "chess-7", "exitCode": "137"}},
        "time": 1795414806,
        "timeNano": 1795414806079481610,
    }
    return json.dumps(entry | changes).encode()


def test_an_event_is_read() -> None:
    """Game, container, action, and the engine's time to the microsecond at least."""
    seen = event(line())

    assert seen == ContainerEvent("chess-7", ContainerId("c1"), "die", 1795414806.0794816)


def test_what_follows_a_colon_is_no_action() -> None:
    """The command of an exec and the state of a health check come in the same field."""
    seen = event(line(Action="exec_create: sh -c 'exit 1'"))

    assert seen is not None
    assert seen.action == "exec_create"


def test_a_container_of_no_game_tells_nothing() -> None:
    """Someone else may use our owner label without naming a game."""
    assert event(line(Actor={"ID": "c1", "Attributes": {}})) is None


@pytest.mark.parametrize(
    "torn",
    [line()[:-5], b"\xff", b"[]", b"3", b"{}", line(Actor=None), line(timeNano="soon")],
)
def test_a_torn_line_ends_the_stream(torn: bytes) -> None:
    """What cannot be read is no event to pass over: the next ones may be lost as well."""
    with pytest.raises(DockerUnavailable, match="garbled"):
        event(torn)
