"""Faults of the environment, described for the operator without any value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from rtmanager.config.formats import Accepted
from rtmanager.config.postgres_dsn import NOT_ACCEPTED

PREFIX = "RTMANAGER_"
EXPORTERS = ("none", "otlp", "console")
EXPORTER_VARIABLES = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")

_LIKENESS = 0.75
_ALL = "the settings that `rtmanager check-config` shows once this one is unset"
_PROBLEMS = {
    "missing": "is required but not set",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
}


@dataclass(frozen=True)
class Fault:
    """One fault of the environment; it never repeats a value, which may be a secret."""

    variable: str
    problem: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.variable} {self.problem}; accepted: {self.accepted}"


class ConfigError(Exception):
    """The environment does not give valid settings."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


def library_faults(error: ValidationError, fields: Mapping[str, FieldInfo]) -> Iterator[Fault]:
    """Convert pydantic's errors to ours; `fields` are the settings by variable."""
    for detail in error.errors():
        variable = str(detail["loc"][0])
        field = fields.get(variable)
        yield _fault(variable, field, detail) if field else _unknown(variable, fields)


def _fault(variable: str, field: FieldInfo, detail: ErrorDetails) -> Fault:
    problem = _PROBLEMS.get(detail["type"], "is not valid")
    if detail["type"] == NOT_ACCEPTED:
        problem = detail["msg"]
    choices = detail.get("ctx", {}).get("expected")
    return Fault(variable, problem, choices or _accepted(field))


def _accepted(field: FieldInfo) -> str:
    """Return what a field accepts; for an optional field the type is a member of the union."""
    members = (getattr(member, "__metadata__", ()) for member in get_args(field.annotation))
    marks = [*field.metadata, *chain.from_iterable(members)]
    return [mark.words for mark in marks if isinstance(mark, Accepted)][-1]


def _unknown(variable: str, fields: Mapping[str, FieldInfo]) -> Fault:
    """Describe a variable with our prefix that is not a setting, most likely a typo."""
    # Without the prefix, which would make all names alike.
    names = [name.removeprefix(PREFIX) for name in fields]
    close = get_close_matches(variable.upper().removeprefix(PREFIX), names, n=1, cutoff=_LIKENESS)
    accepted = PREFIX + close[0] if close else _ALL
    return Fault(variable, "is not a setting", accepted)


def unknown_exporter(environment: Mapping[str, str]) -> Iterator[Fault]:
    """Find unknown exporters; OpenTelemetry reads its other variables itself."""
    for variable in EXPORTER_VARIABLES:
        chosen = environment.get(variable, "").lower().split(",")
        if not {name.strip() for name in chosen} <= {"", *EXPORTERS}:
            accepted = f"{', '.join(EXPORTERS)}, several separated by commas"
            yield Fault(variable, "has an unknown exporter", accepted)
