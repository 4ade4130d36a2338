"""Registry credentials from a Docker config file, as `docker login` writes it, or its helpers."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.auth import AuthConfig
from docker.credentials.errors import CredentialsNotFound
from docker.errors import DockerException
from docker.utils.config import find_config_file

from rtmanager.domain.ports.container_host import ImagePullFailed

# The SDK does not check the file's structure, so a wrong one raises any of these.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, DockerException)
_NOT_FOUND = b"credentials not found in native keychain"


class RegistryCredentials:
    """Finds the credentials for a registry.

    The file is read for each pull, so that changes apply immediately and no secret stays in memory.
    """

    def __init__(self, config_file: str | None = None, *, limit: float = 10.0) -> None:
        """Use `config_file`, or by default the user's own Docker config file if it exists.

        A credential helper may run for `limit` seconds.
        """
        self._config_file = config_file
        self._limit = limit

    def for_registry(self, host: str) -> dict[str, Any]:
        """Return the credentials for the registry at this host; empty when there are none.

        Blocks: reads a file and may run a credential helper.
        """
        found: Any = self._config_file or find_config_file(None)
        if found is None:
            return {}
        path = Path(found)
        try:
            return self._lookup(path, host)
        except _HelperFailed as error:
            reason = f"registry credentials for {host}: {error}"
        except _UNREADABLE as error:
            # No cause attached: a parser's message may quote the file.
            reason = f"registry credentials in {path} cannot be read: {type(error).__name__}"
        raise ImagePullFailed(reason)

    def _lookup(self, path: Path, host: str) -> dict[str, Any]:
        content = json.loads(path.read_text())
        if not content:  # the SDK would search for another file
            return {}
        auth: Any = _Config.load_config(None, content)
        auth.limit = self._limit
        return dict(auth.resolve_authconfig(host) or {})


class _HelperFailed(Exception):
    """a credential helper did not answer."""


class _Helper:
    """A credential helper: a program that the config file names, run with a time limit.

    The SDK can run one too, but without a time limit. Its output may contain a secret, so no error
    repeats it.
    """

    def __init__(self, name: str, *, limit: float) -> None:
        """Use the program `docker-credential-<name>`, for at most `limit` seconds per call."""
        self._program = f"docker-credential-{name}"
        self._limit = limit

    def get(self, server: str) -> dict[str, Any]:
        """Return `Username` and `Secret` for the server, as the SDK's credential stores do.

        Raises the SDK's CredentialsNotFound when the helper has none, _HelperFailed when it fails.
        """
        output = self._run(server.encode())
        try:
            answer = json.loads(output)
            found = {key: str(answer[key]) for key in ("Username", "Secret")}
        except (ValueError, KeyError, TypeError):
            raise _HelperFailed(f"{self._program} did not answer as helpers do") from None
        if not any(found.values()):
            raise CredentialsNotFound(self._program)
        return found

    def _run(self, server: bytes) -> bytes:
        try:
            # A separate session, so that what the helper has started ends with it.
            running = subprocess.Popen(  # noqa: S603 - the user's own config file names it
                [self._program, "get"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=_without_our_secrets(os.environ),
            )
        except OSError as error:
            reason = f"{self._program} cannot be run: {error.strerror}"
            raise _HelperFailed(reason) from None
        with running:
            output = self._answer(running, server)
        if _NOT_FOUND in output:
            raise CredentialsNotFound(self._program)
        if running.returncode:
            raise _HelperFailed(f"{self._program} exited with {running.returncode}")
        return output

    def _answer(self, running: "subprocess.Popen[bytes]", server: bytes) -> bytes:
        try:
            return running.communicate(server, timeout=self._limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            reason = f"{self._program} did not answer within {self._limit:g} s"
            raise _HelperFailed(reason) from None


def _without_our_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for another program, which needs none of our settings."""
    ours = ("RTMANAGER_", "OTEL_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


class _Config(AuthConfig):
    """The SDK's config file reader, with a time limit for helpers."""

    limit: float

    def _get_store_instance(self, name: str) -> _Helper:
        return _Helper(name, limit=self.limit)
