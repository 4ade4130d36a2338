"""What is wrong with the ways to the dependencies, although they work."""

import logging
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transport:
    """How Docker is reached, and the private keys with which the service identifies itself."""

    docker_host: str
    is_docker_verified: bool
    private_keys: Sequence[Path]

    def warn(self) -> None:
        """Log what an operator should change."""
        if self._is_docker_exposed():
            # Whoever can read or change this connection is root on Docker's machine.
            advice = "set RTMANAGER_DOCKER_CERT_PATH, or use a unix socket"
            extra = {"docker_host": self.docker_host, "advice": advice}
            logger.warning("docker_without_tls", extra=extra)
        for key in filter(_is_readable_by_others, self.private_keys):
            logger.warning("private_key_readable_by_others", extra={"path": str(key)})

    def _is_docker_exposed(self) -> bool:
        if self.is_docker_verified or not self.docker_host.startswith(("tcp:", "http:")):
            return False
        with suppress(ValueError):  # the connection reports a malformed address
            return not _is_loopback(urlsplit(self.docker_host).hostname or "")
        return False


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _is_readable_by_others(key: Path) -> bool:
    with suppress(OSError):  # whoever uses the key reports that
        return bool(key.stat().st_mode & stat.S_IROTH)
    return False
