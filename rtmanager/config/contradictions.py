"""Settings that are valid each, but not together."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rtmanager.config.faults import Fault
from rtmanager.config.postgres_dsn import has_password

PAIRS = (
    ("RTMANAGER_GAME_STATE_OWNER_UID", "RTMANAGER_GAME_STATE_OWNER_GID"),
    ("RTMANAGER_REDIS_TLS_CERT_FILE", "RTMANAGER_REDIS_TLS_KEY_FILE"),
)
"""Settings that are set together or not at all."""


def halves(variables: Mapping[str, str]) -> Iterator[Fault]:
    """Find an owner without a group, a certificate without its key, and the reverse."""
    for pair in PAIRS:
        missing = set(pair) - variables.keys()
        if len(missing) == 1:
            yield Fault(missing.pop(), "is not set, but its counterpart is", "both or neither")


def contradictions(settings: Any) -> Iterator[Fault]:
    """Find settings that contradict each other."""
    for rule in _RULES:
        yield from rule(settings)


def _default_above_maximum(settings: Any) -> Iterator[Fault]:
    """Find defaults of engines' limits that are larger than what an image may ask for."""
    for limit in ("cpu_quota", "memory", "pids_limit"):
        default, maximum = (getattr(settings, f"{which}_{limit}") for which in ("default", "max"))
        if default > maximum:
            largest = f"RTMANAGER_MAX_{limit.upper()}"
            yield Fault(f"RTMANAGER_DEFAULT_{limit.upper()}", "is too large", f"at most {largest}")


def _two_passwords(settings: Any) -> Iterator[Fault]:
    if settings.postgres_password and has_password(settings.postgres_primary_dsn):
        suffix = "_FILE" if settings.is_from_file("postgres_password") else ""
        variable = f"RTMANAGER_POSTGRES_PASSWORD{suffix}"
        yield Fault(variable, "is set, but the DSN has a password", "only one")


def _files_of_no_tls(settings: Any) -> Iterator[Fault]:
    """Find certificates for Redis that would not be used: the connection would not be encrypted."""
    for name in ("ca", "cert", "key"):
        if getattr(settings, f"redis_tls_{name}_file") and not settings.redis_tls:
            variable = f"RTMANAGER_REDIS_TLS_{name.upper()}_FILE"
            yield Fault(variable, "is set, but TLS is off", "only with RTMANAGER_REDIS_TLS=true")


def _certificates_of_no_tls(settings: Any) -> Iterator[Fault]:
    """Find certificates for a Docker that is not reached by TLS."""
    if settings.docker_cert_path and not settings.docker_host.startswith(("tcp:", "https:")):
        accepted = "only with a tcp:// or https:// address in RTMANAGER_DOCKER_HOST"
        yield Fault(
            "RTMANAGER_DOCKER_CERT_PATH", "is set, but Docker is not reached by TLS", accepted
        )


def _settings_of_the_other_platform(settings: Any) -> Iterator[Fault]:
    """Find several managers of a single host, and a runtime that no service can choose."""
    if settings.platform == "docker" and "," in settings.docker_host:
        accepted = "one address, or RTMANAGER_PLATFORM=swarm"
        yield Fault("RTMANAGER_DOCKER_HOST", "has several addresses", accepted)
    if settings.platform == "swarm" and settings.docker_runtime:
        accepted = "only with RTMANAGER_PLATFORM=docker; make it each node's default runtime"
        yield Fault("RTMANAGER_DOCKER_RUNTIME", "is set, but no service can choose it", accepted)


_RULES: tuple[Callable[[Any], Iterator[Fault]], ...] = (
    _default_above_maximum,
    _two_passwords,
    _files_of_no_tls,
    _certificates_of_no_tls,
    _settings_of_the_other_platform,
)
