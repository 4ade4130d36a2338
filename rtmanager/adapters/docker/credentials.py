"""Registry credentials from a Docker config file, as `docker login` writes it."""

import json
from pathlib import Path
from typing import Any

from docker.auth import AuthConfig, resolve_repository_name
from docker.errors import DockerException
from docker.utils.config import find_config_file

from rtmanager.adapters.docker.credential_helper import CredentialHelper, HelperFailed
from rtmanager.domain.ports.container_host import ImagePullFailed

# The SDK takes the file's shape for granted, so a wrong one shows in its own ways.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, DockerException)


class RegistryCredentials:
    """Finds what to show to a registry.

    The file is read for each pull, so that a change counts at once and no secret stays in memory.
    """

    def __init__(self, config_file: str | None = None, *, limit: float = 10.0) -> None:
        """Read `config_file`, or without one the user's own Docker config file if there is one.

        A credential helper that the file names may run for `limit` seconds.
        """
        self._config_file = config_file
        self._limit = limit

    def for_image(self, name: str) -> dict[str, Any]:
        """Return the credentials for the registry of this image name; empty when there are none.

        Blocks: reads a file, and may run a credential helper that the file names.
        """
        found: Any = self._config_file or find_config_file(None)
        if found is None:
            return {}
        path = Path(found)
        try:
            return self._lookup(path, name)
        except HelperFailed as error:
            reason = f"registry credentials for {name}: {error}"
        except _UNREADABLE as error:
            # No cause attached: a parser's message may quote the file.
            reason = f"registry credentials in {path} cannot be read: {type(error).__name__}"
        raise ImagePullFailed(reason)

    def _lookup(self, path: Path, name: str) -> dict[str, Any]:
        content = json.loads(path.read_text())
        if not content:  # the SDK would look for another file
            return {}
        auth: Any = _Config.load_config(None, content)
        auth.limit = self._limit
        registry, _ = resolve_repository_name(name)
        return dict(auth.resolve_authconfig(registry) or {})


class _Config(AuthConfig):
    """The SDK's reading of a config file, with our own way of running a helper."""

    limit: float

    def _get_store_instance(self, name: str) -> CredentialHelper:
        return CredentialHelper(name, limit=self.limit)
