"""Private image registries: one open to all, one that asks for a password."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.background_process import BackgroundProcess
from dev.debian_packages import require_command
from dev.free_port import free_port
from tests.services.session import Say

USER = "galaxy"
PASSWORD = "launch-code"
# bcrypt of the password: the only scheme that the registry knows.
HTPASSWD = "galaxy:$2y$04$XiZRY50wJE7en.8JjXegdO5GHyHXKW6dLXWetWdCVdBavzkoi8qe2\n"


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
    process = _start(session_dir / "registry", port, {}, say)
    yield f"127.0.0.1:{port}"
    process.stop(seconds=5)


@pytest.fixture(scope="session")
def secured_registry(session_dir: Path, say: Say) -> Iterator[SecuredRegistry]:
    """Return an empty registry that asks for a user and a password."""
    port = free_port()
    passwords = session_dir / "htpasswd"
    passwords.write_text(HTPASSWD)
    auth = {"auth": {"htpasswd": {"realm": "galaxy", "path": str(passwords)}}}
    process = _start(session_dir / "secured-registry", port, auth, say)
    yield SecuredRegistry(f"127.0.0.1:{port}")
    process.stop(seconds=5)


def _start(directory: Path, port: int, more: dict[str, Any], say: Say) -> BackgroundProcess:
    program = require_command("docker-registry", "docker-registry", say)
    directory.mkdir()
    # The registry reads YAML, and JSON is YAML.
    settings = directory / "settings.yml"
    settings.write_text(json.dumps({**_settings(directory, port), **more}))
    log_file = directory / "log"
    process = BackgroundProcess.start(
        [program, "serve", str(settings)], pid_file=directory / "registry.pid", log_file=log_file
    )
    process.wait_until(lambda: _answers(port), seconds=20, log_file=log_file)
    return process


def _settings(directory: Path, port: int) -> dict[str, Any]:
    return {
        "version": "0.1",
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "images")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
    }


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2):
            return True
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code == 401  # up, and asking for a password
    except OSError:
        return False
