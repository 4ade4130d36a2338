"""Images made with bad intent, started over REST: a fault of the image, and no engine runs."""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.calls import error, message, ok
from tests.support.docker import Build
from tests.support.environment import Environment, NewEnvironment
from tests.support.running_service import RUNTIMES

USERS = b"engine:x:4243:4243::/:\n"


def _users(content: bytes, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Return an archive with an /etc/passwd."""
    packed, member = io.BytesIO(), tarfile.TarInfo("passwd")
    member.size, member.type, member.linkname = len(content), kind, link
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that hardens its engines as far as it can."""
    return new_environment(read_only_root_filesystem="true", docker_runtime="runc")


@dataclass(frozen=True)
class Hostile:
    """An image: what is built into it, and what the refusal has to name."""

    named: str
    instructions: Sequence[str] = ("USER engine",)
    users: bytes | None = None


NO_ID, NOT_FOUND = "from 0 to 2147483647", "not in its /etc/passwd"
IMAGES = {
    "memory": Hostile("RTMANAGER_MAX_MEMORY", ["LABEL com.galaxy.memory=100000g"]),
    "cores": Hostile("RTMANAGER_MAX_CPU_QUOTA", ["LABEL com.galaxy.cpu_quota=9999"]),
    "processes": Hostile("RTMANAGER_MAX_PIDS_LIMIT", ["LABEL com.galaxy.pids_limit=999999999"]),
    "labels": Hostile("labels", [f"LABEL {name}={'x' * 40_000}" for name in "ab"]),
    "long user": Hostile(NO_ID, [f"USER {'9' * 5000}:1"]),
    "user of 32 bits": Hostile(NO_ID, ["USER 4294967295:4294967295"]),
    "negative user": Hostile(NOT_FOUND, ["USER -1"]),
    "large passwd": Hostile("2097152 bytes", users=_users((USERS * 100_000)[: 2 << 20])),
    "huge id": Hostile(NO_ID, users=_users(b"engine:x:" + b"9" * 5000 + b":1::/:\n")),
    "pipe": Hostile(NOT_FOUND, users=_users(b"", tarfile.FIFOTYPE)),
    "loop": Hostile("cannot be read", users=_users(b"", tarfile.SYMTYPE, "passwd")),
    "many volumes": Hostile("17 volumes", [f"VOLUME /v{number}" for number in range(17)]),
    "volume of the kernel": Hostile("the volume '/proc'", ["VOLUME /proc"]),
    "volume in the state": Hostile("inside the state", ["VOLUME /var/lib/galaxy-game/cache"]),
}


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_hostile_image_is_a_configuration_fault(
    environment: Environment, game: str, build: Build, image: Hostile
) -> None:
    """The answer is 400 and names what is wrong with the image, in few and printable words."""
    answer = _start(environment, game, build(*image.instructions, users=image.users))

    assert error(answer) == (400, "start_config_invalid")
    assert image.named in message(answer)
    assert message(answer).isprintable()
    assert len(message(answer)) < 700
    environment.assert_nothing_left(game)


def test_volumes_of_an_image_lie_in_memory(
    environment: Environment, game: str, build: Build
) -> None:
    """An engine with volumes runs, and none of them is on the host's disk."""
    reference = build("VOLUME /data /var/lib/galaxy-game", 'CMD ["/engine/serve"]')

    ok(_start(environment, game, reference))

    shown = environment.inspect(f"galaxy-game-{game}")
    assert [mount["Type"] for mount in shown["Mounts"]] == ["bind"]
    assert set(shown["HostConfig"]["Tmpfs"]) == {"/data", "/tmp"}  # noqa: S108 - the engine's
    assert shown["HostConfig"]["Runtime"] == "runc"


def _start(environment: Environment, game: str, reference: str) -> Any:
    return environment.call("POST", f"{RUNTIMES}/{game}/start", {"image_ref": reference})
