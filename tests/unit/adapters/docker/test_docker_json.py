import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import docker
import pytest

from rtmanager.adapters.docker.docker_json import (
    container_config,
    event,
    image,
    inspected,
    listed,
    parse_time,
)
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    ContainerId,
    ContainerSpec,
    HealthIntervals,
    ImageId,
    ResourceLimits,
)
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1Z", datetime(2026, 1, 2, 3, 4, 5, 100000, tzinfo=UTC)),
        ("2026-01-02T05:04:05.5+02:00", datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)),
    ],
)
def test_docker_times_are_read(text: str, moment: datetime | None) -> None:
    """Any number of decimals and any offset is read; Go's zero time is None."""
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    ("names", "name"), [(["/a"], "a"), (["/other/link", "/a"], "a"), (None, ""), ([], "")]
)
def test_the_own_name_is_distinguished_from_links(names: list[str] | None, name: str) -> None:
    """Legacy links add names, and a container being removed may have none."""
    entry: dict[str, Any] = {
        "Id": "1",
        "Names": names,
        "State": "removing",
        "Labels": None,
        "ImageID": "sha256:1",
        "Created": 0,
        "NetworkSettings": {"Networks": {}},
    }

    assert listed(entry, "galaxy-net").name == name


BIND = {"Type": "bind", "Source": "/games/a", "Destination": "/state"}
OTHER = {"Type": "bind", "Source": "/etc/localtime", "Destination": "/etc/localtime"}
VOLUME = {"Type": "volume", "Source": "/var/lib/docker/volumes/v/_data", "Destination": "/state"}


@pytest.mark.parametrize(
    ("mounts", "environment", "path"),
    [
        ([OTHER, BIND], ["PATH=/bin", "STORAGE_PATH=/state"], "/games/a"),
        ([OTHER, BIND], ["STORAGE_PATH=/state/"], "/games/a"),
        ([OTHER, BIND], ["PATH=/bin"], None),
        ([OTHER, BIND], ["STORAGE_PATH=/elsewhere"], None),
        ([BIND], [], "/games/a"),
        ([BIND], None, "/games/a"),
        ([VOLUME], ["STORAGE_PATH=/state"], None),
        ([], ["STORAGE_PATH=/state"], None),
        (None, ["STORAGE_PATH=/state"], None),
    ],
)
def test_the_state_is_where_the_engine_keeps_it(
    mounts: list[dict[str, str]] | None, environment: list[str] | None, path: str | None
) -> None:
    """The state path is the configured mount, or the only directory bound from the host."""
    assert inspected(_answer(mounts, environment), "galaxy-net").state_path == path


def _answer(mounts: list[dict[str, str]] | None, environment: list[str] | None) -> dict[str, Any]:
    zero = "0001-01-01T00:00:00Z"
    return {
        "Id": "1",
        "Name": "/a",
        "Image": "sha256:1",
        "Created": "2026-01-02T03:04:05Z",
        "RestartCount": 0,
        "Config": {"Labels": None, "Env": environment},
        "State": {
            "Status": "created",
            "Running": False,
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            "StartedAt": zero,
            "FinishedAt": zero,
        },
        "Mounts": mounts,
        "NetworkSettings": {"Networks": {}},
    }


CHECK = ["CMD", "/bin/true"]


@pytest.mark.parametrize(
    ("declared", "intervals"),
    [
        ({"Test": CHECK, "Interval": 7, "StartInterval": 8}, HealthIntervals(7, 8)),
        ({"Test": CHECK, "Interval": 2**63 - 1}, HealthIntervals(2**63 - 1, 0)),
        ({"Test": CHECK, "Interval": -1, "StartInterval": -(2**63)}, HealthIntervals(0, 0)),
        ({"Test": CHECK, "Interval": 2**63, "StartInterval": 10**400}, HealthIntervals(0, 0)),
        ({"Test": CHECK, "Interval": "1", "StartInterval": [1]}, HealthIntervals(0, 0)),
        ({"Test": CHECK, "Interval": 1.5, "StartInterval": None}, HealthIntervals(0, 0)),
        ({"Test": CHECK}, HealthIntervals(0, 0)),
        ({"Test": ["WHATEVER"]}, HealthIntervals(0, 0)),
        ({"Test": ["NONE"], "Interval": 7}, None),
        ({"Test": [], "Interval": 7}, None),
        ({"Interval": 7}, None),
        ({}, None),
        ("often", None),
        (None, None),
    ],
)
def test_intervals_of_an_image_are_read_whatever_they_are(
    declared: object, intervals: HealthIntervals | None
) -> None:
    """What is no duration counts as not given; what Docker does not run is no health check."""
    answer = {"Id": "sha256:1", "Config": {"Healthcheck": declared}}

    assert image(answer).health_intervals == intervals


@pytest.mark.parametrize(
    ("declared", "length"),
    [
        ({"Test": CHECK}, len('["CMD", "/bin/true"]')),
        ({"Test": ["CMD", "\ud800" * 5000]}, 5000 + len('["CMD", ""]')),
        ({"Test": "x" * 5000}, 5000 + len('""')),
        ({"Test": ["NONE", "x" * 5000]}, 5000 + len('["NONE", ""]')),
        ({"Test": ["NONE"]}, 0),
        ({}, 0),
        (None, 0),
    ],
)
def test_length_of_a_health_check_is_read_whatever_it_is(declared: object, length: int) -> None:
    """The command and its arguments count together."""
    answer = {"Id": "sha256:1", "Config": {"Healthcheck": declared}}

    assert image(answer).health_test_length == length


@pytest.mark.parametrize("intervals", [None, HealthIntervals(10, 20)])
def test_container_keeps_the_test_of_its_image(intervals: HealthIntervals | None) -> None:
    """Only intervals are sent, for the start period too, and nothing without a health check."""
    spec = ContainerSpec(
        name="a",
        hostname="a",
        image=ImageId("sha256:1"),
        labels={},
        environment={},
        network="galaxy-net",
        state_path="/srv/a",
        mount_path="/state",
        limits=ResourceLimits(cpu_quota=1.0, memory_bytes=1, pids_limit=1),
        read_only_root=False,
        health_intervals=intervals,
    )

    with closing(docker.APIClient(base_url="tcp://127.0.0.1:9", version="1.44")) as api:
        config = container_config(api, spec)

    assert config["Healthcheck"] == (intervals and {"Interval": 10, "StartInterval": 20})


def line(**changes: Any) -> bytes:
    """Return an event in Docker's JSON."""
    entry = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "c1", "Attributes": {GAME_ID_LABEL: "chess-7", "exitCode": "137"}},
        "time": 1795414806,
        "timeNano": 1795414806079481610,
    }
    return json.dumps(entry | changes).encode()


def test_an_event_is_read() -> None:
    """An event has game, container, action and a time of at least microsecond precision."""
    seen = event(line())

    assert seen == ContainerEvent(
        "chess-7", ContainerId("c1"), "die", 1795414806.0794816, exit_code=137
    )


@pytest.mark.parametrize(
    ("number", "name"), [("9", "SIGKILL"), ("64", "SIGRTMAX"), ("99", "signal 99"), ("x", None)]
)
def test_signal_is_named(number: str, name: str | None) -> None:
    """Docker sends the number of a signal, whatever it is."""
    attributes = {GAME_ID_LABEL: "chess-7", "signal": number}
    seen = event(line(Action="kill", Actor={"ID": "c1", "Attributes": attributes}))

    assert seen is not None
    assert seen.signal == name


def test_what_follows_a_colon_is_no_action() -> None:
    """The command of an exec and the state of a health check are not part of the action."""
    seen = event(line(Action="exec_create: sh -c 'exit 1'"))

    assert seen is not None
    assert seen.action == "exec_create"


def test_an_event_without_a_game_is_ignored() -> None:
    """A container may have our owner label without a game label."""
    assert event(line(Actor={"ID": "c1", "Attributes": {}})) is None


@pytest.mark.parametrize(
    "torn",
    [line()[:-5], b"\xff", b"[]", b"3", b"{}", line(Actor=None), line(timeNano="soon")],
)
def test_a_torn_line_ends_the_stream(torn: bytes) -> None:
    """An unreadable line ends the stream, because later events may be lost as well."""
    with pytest.raises(DockerUnavailable, match="malformed"):
        event(torn)
