"""Who may send requests, as the operator has set it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The names of this service, and the pages that may change something."""

    allowed_hosts: Sequence[str] = ()
    trusted_origins: Sequence[str] = ()
