"""The image and the stack as operators deploy them, and the first session on it."""

# ruff: noqa: F403 - the tests of the first session are run here on the stack

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.first_session import Session
from tests.acceptance.test_first_session import *
from tests.deployment.stack import USER, Stack, running_stack
from tests.support.calls import ok, wait_until
from tests.support.environment import Environment
from tests.support.run import Say

HEALTHY_WITHIN = 90.0  # Docker asks every 30 s, for the first time after 30 s
ENDED_WITHIN = 15.0


@pytest.fixture(scope="module")
def stack(
    docker_api: Any,
    demo_images: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    say: Say,
) -> Iterator[Stack]:
    """Return the stack, which is up and ready."""
    assert demo_images
    began = time.monotonic()
    with running_stack(tmp_path_factory.mktemp("stack"), docker_api, say) as made:
        say(f"the stack was built and ready after {time.monotonic() - began:.0f} s")
        yield made


@pytest.fixture(scope="module")
def environment(stack: Stack) -> Environment:
    """Return the stack, as the tests of the first session know a running service."""
    service: Any = stack  # of which they use requests only
    return Environment(service, stack.api, stack.dsn, stack.network, stack.state_root)


def test_start_gives_the_engine_its_state_directory(  # type: ignore[no-redef] # in its place
    session: Session,
) -> None:
    """The directory is open to every user: the service, which is not root, cannot give it away."""
    directory = session.environment.state(session.game)
    seen = directory.stat()

    assert ok(session["start"].answer)["state_path"] == str(directory)
    assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (USER, USER, 0o777)
    assert directory.parent.stat().st_mode & 0o7777 == 0o700


def test_the_service_runs_as_nobody_special(stack: Stack) -> None:
    """It has no capabilities, a user of its own, and Docker's socket by its group."""
    status = stack.compose("exec", "-T", "rtmanager", "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert facts["Uid"].split() == [str(USER)] * 4
    assert stack.variables["DOCKER_GID"] in facts["Groups"].split()
    assert {facts[each] for each in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"


def test_the_image_has_neither_compiler_nor_pip_nor_tests(stack: Stack) -> None:
    """What runs is the wheel and what it needs."""
    listed = stack.compose(
        "exec", "-T", "rtmanager", "sh", "-c", "command -v gcc cc; ls /opt/rtmanager/bin; ls /src"
        " /opt/build 2>/dev/null; true"
    )  # fmt: skip

    assert "rtmanager" in listed.split()
    assert set(listed.split()).isdisjoint({"gcc", "cc", "pip", "pip3", "/src:", "/opt/build:"})


def test_the_settings_in_force_are_shown(stack: Stack) -> None:
    """`check-config` succeeds in the container, and masks what it got from files."""
    shown = stack.compose("exec", "-T", "rtmanager", "rtmanager", "check-config")
    secret = (stack.checkout / "deploy/secrets/redis_password").read_text()

    assert "RTMANAGER_GAME_STATE_ROOT" in shown
    assert secret not in shown


def test_docker_finds_the_container_healthy(stack: Stack) -> None:
    """The image's health check asks the service where it listens."""

    def is_healthy() -> bool:
        return bool(stack.inspect("rtmanager")["State"]["Health"]["Status"] == "healthy")

    wait_until(is_healthy, seconds=HEALTHY_WITHIN)


def test_the_container_ends_in_good_order(stack: Stack) -> None:
    """`stop` is a SIGTERM: the service ends with 0 in time, and starts again."""
    began = time.monotonic()
    stack.compose("stop", "rtmanager")
    seconds, state = time.monotonic() - began, stack.inspect("rtmanager")["State"]
    stack.compose("start", "rtmanager")
    stack.wait_until_ready()

    assert (state["Status"], state["ExitCode"]) == ("exited", 0)
    assert seconds < ENDED_WITHIN
