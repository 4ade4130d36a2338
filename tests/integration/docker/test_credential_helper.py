"""Credential helpers as real programs, some of which misbehave, on a real Docker."""

import asyncio
import json
import os
import time
from pathlib import Path

import psutil
import pytest

from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ImagePullFailed
from tests.contract.ports.docker_worlds import RealWorld
from tests.support.docker import SecuredRegistry

LIMIT = 1.0


@pytest.fixture
def private_reference(real_docker: RealWorld, secured_registry: SecuredRegistry) -> str:
    """Return a reference in the registry that needs a password."""
    login = {"username": secured_registry.user, "password": secured_registry.password}
    return real_docker.publish(secured_registry.address, auth_config=login)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def _helper(directory: Path, script: str) -> str:
    program = directory / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    config = directory / "config.json"
    config.write_text(json.dumps({"credsStore": "test"}))
    return str(config)


async def _pull(world: RealWorld, config: str, reference: str) -> str:
    host = world.new_host(network=world.network, timeout=LIMIT, docker_config_file=config)
    return (await host.pull(ImageRef.parse(reference), progress=lambda _: None)).id


async def test_a_helper_s_credentials_are_shown_to_the_registry(
    real_docker: RealWorld,
    private_reference: str,
    secured_registry: SecuredRegistry,
    directory: Path,
) -> None:
    """The helper is asked for the registry by the name that the image reference has."""
    login = {"Username": secured_registry.user, "Secret": secured_registry.password}
    condition = f'[ "$1 $(cat)" = "get {secured_registry.address}" ]'
    config = _helper(directory, f"{condition} && echo '{json.dumps(login)}'")

    assert await _pull(real_docker, config, private_reference)


async def test_a_helper_gets_none_of_our_secrets(
    real_docker: RealWorld,
    private_reference: str,
    secured_registry: SecuredRegistry,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A helper is another program: it gets its own environment, without our settings."""
    monkeypatch.setenv("RTMANAGER_REDIS_PASSWORD", "canary")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary")
    monkeypatch.setenv("DOCKER_CREDENTIALS_OF", "the-helper")
    login = {"Username": secured_registry.user, "Secret": secured_registry.password}
    config = _helper(directory, f"env > {directory}/seen; echo '{json.dumps(login)}'")

    await _pull(real_docker, config, private_reference)

    seen = (directory / "seen").read_text()
    assert "canary" not in seen
    assert "DOCKER_CREDENTIALS_OF=the-helper" in seen


async def test_a_helper_that_hangs_fails_the_pull_in_time(
    real_docker: RealWorld, private_reference: str, directory: Path
) -> None:
    """A hanging helper is named and killed together with its children."""
    config = _helper(directory, f"sleep 60 & echo $! > {directory}/child; wait")
    began = time.monotonic()

    with pytest.raises(ImagePullFailed, match="docker-credential-test did not answer within 1 s"):
        await _pull(real_docker, config, private_reference)

    assert time.monotonic() - began < 5.0
    await _end_of(int((directory / "child").read_text()))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo secret; exit 3", "exited with 3"),
        ("echo secret", "did not answer as helpers do"),
        ("echo '[1]'", "did not answer as helpers do"),
    ],
)
async def test_a_helper_that_fails_is_named_and_not_quoted(
    real_docker: RealWorld, private_reference: str, directory: Path, script: str, words: str
) -> None:
    """A helper's output is not quoted, because it may contain a secret."""
    config = _helper(directory, script)

    with pytest.raises(ImagePullFailed, match=f"docker-credential-test {words}") as caught:
        await _pull(real_docker, config, private_reference)

    assert "secret" not in caught.value.message


async def test_a_helper_that_is_missing_is_named(
    real_docker: RealWorld, private_reference: str, directory: Path
) -> None:
    """A helper in the config file that is not installed is named."""
    config = _helper(directory, "")
    (directory / "docker-credential-test").unlink()

    with pytest.raises(ImagePullFailed, match="docker-credential-test cannot be run"):
        await _pull(real_docker, config, private_reference)


async def test_a_helper_without_credentials_is_no_fault(
    real_docker: RealWorld, directory: Path
) -> None:
    """A helper without credentials is no fault, because public images need none."""
    config = _helper(directory, "echo credentials not found in native keychain; exit 1")

    assert await _pull(real_docker, config, real_docker.publish())


async def _end_of(pid: int) -> None:
    async with asyncio.timeout(5):
        while _is_alive(pid):  # noqa: ASYNC110 - not a child process
            await asyncio.sleep(0.01)


def _is_alive(pid: int) -> bool:
    """Return whether the process runs; an ended one may not be reaped yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
