"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Severity(StrEnum):
    """How bad it is: with a fault the service does not work, with a warning it may not."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was checked, what was found, and what to do about it, if anything."""

    check: str
    severity: Severity
    text: str
    remedy: str = ""

    @classmethod
    def ok(cls, check: str, text: str) -> Self:
        """Return a finding that needs nothing done."""
        return cls(check, Severity.OK, text)

    @classmethod
    def warning(cls, check: str, text: str, remedy: str) -> Self:
        """Return a finding that may need something done."""
        return cls(check, Severity.WARNING, text, remedy)

    @classmethod
    def fault(cls, check: str, text: str, remedy: str) -> Self:
        """Return a finding that keeps the service from working."""
        return cls(check, Severity.FAULT, text, remedy)
