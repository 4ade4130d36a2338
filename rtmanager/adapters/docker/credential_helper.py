"""Credential helpers: programs that a Docker config file names, run with a limit."""

import json
import os
import signal
import subprocess
from typing import Any

from docker.credentials.errors import CredentialsNotFound

_SAYS_NOT_FOUND = b"credentials not found in native keychain"


class HelperFailed(Exception):
    """a credential helper gave no answer."""


class CredentialHelper:
    """One helper program. The SDK can run it too, but waits for it without any limit.

    Its own words may quote a secret, so no error tells them.
    """

    def __init__(self, name: str, *, limit: float) -> None:
        """Use the program `docker-credential-<name>`, `limit` seconds at a time."""
        self._program = f"docker-credential-{name}"
        self._limit = limit

    def get(self, server: str) -> dict[str, Any]:
        """Return `Username` and `Secret` for the server, in the way of the SDK's stores.

        Raises the SDK's CredentialsNotFound when the helper has none, HelperFailed otherwise.
        """
        output = self._run(server.encode())
        try:
            answer = json.loads(output)
            found = {key: str(answer[key]) for key in ("Username", "Secret")}
        except (ValueError, KeyError, TypeError):
            raise HelperFailed(f"{self._program} did not answer as helpers do") from None
        if not any(found.values()):
            raise CredentialsNotFound(self._program)
        return found

    def _run(self, server: bytes) -> bytes:
        try:
            # A session of its own, so that what the helper has started ends with it.
            running = subprocess.Popen(  # noqa: S603 - the user's own config file names it
                [self._program, "get"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            reason = f"{self._program} cannot be run: {error.strerror}"
            raise HelperFailed(reason) from None
        with running:
            output = self._answer(running, server)
        if _SAYS_NOT_FOUND in output:
            raise CredentialsNotFound(self._program)
        if running.returncode:
            raise HelperFailed(f"{self._program} exited with {running.returncode}")
        return output

    def _answer(self, running: "subprocess.Popen[bytes]", server: bytes) -> bytes:
        try:
            return running.communicate(server, timeout=self._limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            reason = f"{self._program} did not answer within {self._limit:g} s"
            raise HelperFailed(reason) from None
