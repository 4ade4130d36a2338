"""What an operator should check when a dependency cannot be opened."""

import grp
import os
import pwd
from pathlib import Path

from rtmanager.adapters.redis.errors import RedisFault, RedisUnavailable
from rtmanager.domain.errors import RuntimeManagerError

STATE_ADVICE = "check RTMANAGER_GAME_STATE_ROOT"

_POSTGRES_PASSWORD = ("password authentication failed", "no password supplied")
_REDIS: dict[RedisFault | None, str] = {
    RedisFault.LOGIN: "check RTMANAGER_REDIS_USERNAME and RTMANAGER_REDIS_PASSWORD",
    RedisFault.CA_FILE: "check RTMANAGER_REDIS_TLS_CA_FILE",
    RedisFault.KEY_FILES: "check RTMANAGER_REDIS_TLS_CERT_FILE and RTMANAGER_REDIS_TLS_KEY_FILE",
    RedisFault.CERTIFICATE: "check RTMANAGER_REDIS_MASTER_ADDR and RTMANAGER_REDIS_TLS_CA_FILE",
    RedisFault.NO_TLS: "check RTMANAGER_REDIS_MASTER_ADDR and that this port speaks TLS",
}


def postgres_advice(error: RuntimeManagerError) -> str:
    """Return what to check for an error of Postgres, which no code distinguishes."""
    if any(words in error.message for words in _POSTGRES_PASSWORD):
        return "check the password, in RTMANAGER_POSTGRES_PASSWORD or in the DSN"
    return "check RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs"


def redis_advice(error: RuntimeManagerError, *, is_encrypted: bool) -> str:
    """Return what to check for an error of Redis."""
    fault = error.fault if isinstance(error, RedisUnavailable) else None
    if fault is RedisFault.SILENT and is_encrypted:
        # A server without TLS waits for the rest of what it takes for a command.
        fault = RedisFault.NO_TLS
    return _REDIS.get(fault, "check RTMANAGER_REDIS_MASTER_ADDR and that Redis runs")


def docker_advice(error: RuntimeManagerError, host: str) -> str:
    """Return what to check for an error of Docker: whoever may not use its socket runs it."""
    if "permission denied" in error.message.lower() and host.startswith("unix://"):
        return socket_advice(Path(host.removeprefix("unix://")))
    return "check RTMANAGER_DOCKER_HOST and that the Docker daemon runs"


def socket_advice(socket: Path) -> str:
    """Return how this process may be permitted to use the socket: by its group."""
    try:
        owner = socket.stat().st_gid
    except OSError:
        return f"let this user enter {socket.parent}; Docker runs"
    user, group = _user(os.geteuid()), _group(owner)
    if owner == 0:
        return (
            f"the socket belongs to the group root: let it belong to the group docker (`chgrp "
            f"docker {socket}`), and add the user {user} to it (`usermod -aG docker {user}`)"
        )
    return (
        f"add the user {user} to the group {group}, to which the socket belongs (`usermod -aG "
        f"{group} {user}`), and log in again or restart the service; in a container: "
        f"`--group-add {owner}`"
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
