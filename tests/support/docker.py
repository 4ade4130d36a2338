"""Docker for tests: the daemon, a network of this session's own, demo images and registries."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.errors import APIError, NotFound

from dev.background_process import BackgroundProcess
from dev.checkout import ensure_network, remove_network
from dev.debian_packages import require_command
from dev.demo_images import REPOSITORY, VARIANTS, ensure_demo_images
from dev.free_port import free_port
from tests.support.leftovers import start_docker
from tests.support.run import Say, run_name

DROP_TRIES = 5
USER = "galaxy"
PASSWORD = "launch-code"
# bcrypt of the password: the only scheme that the registry knows.
HTPASSWD = "galaxy:$2y$04$XiZRY50wJE7en.8JjXegdO5GHyHXKW6dLXWetWdCVdBavzkoi8qe2\n"


@pytest.fixture(scope="session")
def docker_host(say: Say) -> str:
    """Return the address of a Docker daemon, started for this run if there was none."""
    return start_docker(say)


@pytest.fixture(scope="session")
def docker_api(docker_host: str) -> Iterator[Any]:
    """Return a client of the Docker daemon, to observe and to interfere."""
    with closing(docker.APIClient(base_url=docker_host, version="1.41", max_pool_size=8)) as api:
        yield api


@pytest.fixture(scope="session")
def docker_network(docker_host: str, docker_api: Any) -> Iterator[str]:
    """Return the name of a network; at the end it is removed with every container on it."""
    name = f"{run_name()}-{secrets.token_hex(4)}"
    ensure_network(docker_host, name)
    yield name
    remove_containers(docker_api, {"network": name})
    drop_network(docker_host, name)


@pytest.fixture(scope="session")
def demo_images(docker_host: str, say: Say) -> list[str]:
    """Return the references of all demo images; they exist."""
    return ensure_demo_images(docker_host, say)


def build_image(
    api: Any,
    reference: str,
    instructions: Sequence[str],
    files: Mapping[str, bytes],
    config: Mapping[str, Any] | None = None,
) -> str:
    """Build an image like the first demo image, on the host only; return its id.

    `files` are archives by the directory in which they are unpacked, `config` is merged with what
    the instructions say.
    """
    name, _, tag = reference.rpartition(":")
    base = api.create_container(f"{REPOSITORY}:{VARIANTS[0].tag}", ["none"])["Id"]
    try:
        for directory, archive in files.items():
            api.put_archive(base, directory, archive)
        made = api.commit(
            base, repository=name, tag=tag, changes="\n".join(instructions), conf=config
        )
    finally:
        api.remove_container(base)
    return str(made["Id"])


Build = Callable[..., str]
"""Builds an image with these instructions, for one test, and returns its reference."""


@pytest.fixture
def build(docker_api: Any) -> Iterator[Build]:
    """Return a function that builds an image for this test, with these users if any."""
    made: list[str] = []

    def one(*instructions: str, users: bytes | None = None) -> str:
        reference = f"galaxy/{run_name()}-{secrets.token_hex(4)}:1.0.0"
        made.append(reference)
        build_image(docker_api, reference, instructions, {"/etc": users} if users else {})
        return reference

    yield one
    for reference in made:
        with suppress(NotFound):
            docker_api.remove_image(reference, force=True)


def drop_network(docker_host: str, name: str) -> None:
    """Remove the network if Docker allows it; if not, it is empty and does no damage.

    Docker may count endpoints of containers that are gone, for a moment or for good.
    """
    for _ in range(DROP_TRIES):
        try:
            remove_network(docker_host, name)
        except APIError:
            time.sleep(1)
        else:
            return


def remove_containers(api: Any, filters: dict[str, str]) -> None:
    """Remove all containers that match, several at a time."""
    found = [each["Id"] for each in api.containers(all=True, quiet=True, filters=filters)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(partial(_remove, api), found))


def _remove(api: Any, container: str) -> None:
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        return
    except APIError as refusal:
        if "already in progress" not in str(refusal.explanation):
            raise


@dataclass(frozen=True)
class SecuredRegistry:
    """A registry that asks for a password."""

    address: str
    user: str = USER
    password: str = PASSWORD


@pytest.fixture(scope="session")
def registry(session_dir: Path, say: Say) -> Iterator[str]:
    """Return host:port of an empty registry that anyone may use."""
    port = free_port()
    process = _start_registry(session_dir / "registry", port, {}, say)
    yield f"127.0.0.1:{port}"
    process.stop(seconds=5)


@pytest.fixture(scope="session")
def secured_registry(session_dir: Path, say: Say) -> Iterator[SecuredRegistry]:
    """Return an empty registry that asks for a user and a password."""
    port = free_port()
    passwords = session_dir / "htpasswd"
    passwords.write_text(HTPASSWD)
    auth = {"auth": {"htpasswd": {"realm": "galaxy", "path": str(passwords)}}}
    process = _start_registry(session_dir / "secured-registry", port, auth, say)
    yield SecuredRegistry(f"127.0.0.1:{port}")
    process.stop(seconds=5)


def _start_registry(
    directory: Path, port: int, more: dict[str, Any], say: Say
) -> BackgroundProcess:
    program = require_command("docker-registry", "docker-registry", say)
    directory.mkdir()
    storage = {
        "filesystem": {"rootdirectory": str(directory / "images")},
        "delete": {"enabled": True},
    }
    configuration = {"version": "0.1", "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    # The registry reads YAML, and JSON is YAML.
    settings = directory / "settings.yml"
    settings.write_text(json.dumps(configuration | more))
    log_file = directory / "log"
    process = BackgroundProcess.start(
        [program, "serve", str(settings)], pid_file=directory / "registry.pid", log_file=log_file
    )
    process.wait_until(lambda: _answers(port), seconds=20, log_file=log_file)
    return process


def _answers(port: int) -> bool:
    """Return whether the registry is up, even if it asks for a password."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/", timeout=2).status_code in {200, 401}
    except httpx.TransportError:
        return False
