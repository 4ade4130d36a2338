"""Who may send requests, as the operator has set it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.handlers.api_tokens import ApiTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The names of this service, the pages that may change something, and the callers' tokens."""

    allowed_hosts: Sequence[str] = ()
    trusted_origins: Sequence[str] = ()
    tokens: ApiTokens | None = None
