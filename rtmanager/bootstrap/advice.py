"""What an operator should check when a dependency cannot be opened."""

from rtmanager.adapters.redis.errors import RedisFault, RedisUnavailable
from rtmanager.domain.errors import RuntimeManagerError

STATE_ADVICE = "check RTMANAGER_GAME_STATE_ROOT"
DOCKER_ADVICE = "check RTMANAGER_DOCKER_HOST and that the Docker daemon runs"

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
