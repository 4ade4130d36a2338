"""Converting settings to what the server allows its callers."""

from rtmanager.bootstrap.descriptors import reserved_descriptors
from rtmanager.bootstrap.service import StartupError
from rtmanager.config import Settings
from rtmanager.handlers.access import Access
from rtmanager.handlers.api_tokens import ApiTokens, TokensFileError
from rtmanager.server.connections import Limits
from rtmanager.server.file_limit import connections_within, raise_file_limit


def access(settings: Settings) -> Access:
    """Return who may send requests; raises StartupError if the file of tokens cannot be used."""
    path = settings.api_tokens_file
    try:
        tokens = ApiTokens(path) if path else None
    except TokensFileError as error:
        raise StartupError(
            f"cannot use the tokens in {path}: {error}; "
            "correct the file or RTMANAGER_API_TOKENS_FILE"
        ) from error
    return Access(
        allowed_hosts=settings.allowed_hosts,
        trusted_origins=settings.trusted_origins,
        tokens=tokens,
    )


def connection_limits(settings: Settings) -> Limits:
    """Return what callers may use, as far as the limit of open files allows, which is raised."""
    connections = connections_within(
        raise_file_limit(),
        wanted=settings.max_connections,
        reserved=reserved_descriptors(settings),
    )
    return Limits(connections, settings.request_timeout)
