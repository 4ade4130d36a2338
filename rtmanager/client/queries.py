"""What questions can be narrowed by, as the query parameters of the contract."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from rtmanager.client.vocabulary import OperationKind, OperationSource, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFilter:
    """Which operations are looked for; all that is given must match."""

    game_id: str | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    source: OperationSource | None = None
    source_ref: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> dict[str, str]:
        """Return the query parameters."""
        return query_of(asdict(self))


def query_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return the query parameters of these values; None is left out."""
    return {name: text_of(value) for name, value in values.items() if value is not None}


def text_of(value: object) -> str:
    """Return a value as the contract writes it; a time without a zone is local time."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f"{round(value / timedelta(milliseconds=1))}ms"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(value)
