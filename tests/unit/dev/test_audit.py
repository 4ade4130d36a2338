import json
import subprocess
from typing import Any

import pytest

from dev.audit import CLEAN, NOT_CHECKED, VULNERABLE, audit

GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}


def audited(*dependencies: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the exit code and the lines for what pip-audit reports."""
    return ended(json.dumps({"dependencies": dependencies}))


def ended(stdout: str, stderr: str = "") -> tuple[int, list[str]]:
    """Return the exit code and the lines for the output of pip-audit."""
    printed: list[str] = []
    process = subprocess.CompletedProcess[str]((), 1, stdout, stderr)
    return audit(printed.append, run=lambda *_, **__: process), printed


def test_packages_without_vulnerabilities_are_clean() -> None:
    """All of them were checked."""
    assert audited(GOOD, GOOD) == (CLEAN, ["No known vulnerability in 2 packages."])


def test_a_vulnerable_package_is_named_with_its_remedy() -> None:
    """The line says what to upgrade to."""
    assert audited(GOOD, BAD) == (VULNERABLE, ["bad 2.0: CVE-1 (fixed in 2.1)"])


def test_a_package_that_the_database_does_not_know_was_not_checked() -> None:
    """pip-audit itself succeeds here."""
    code, printed = audited(GOOD, UNKNOWN)

    assert code == NOT_CHECKED
    assert printed == ["The database does not know 1 of 2 packages: unknown"]


@pytest.mark.parametrize("unknown", [0, 62])
def test_a_database_that_knows_no_package_has_checked_none(unknown: int) -> None:
    """That comes first, with what to do, as names of packages would hide it."""
    code, printed = audited(*[UNKNOWN] * unknown)

    assert code == NOT_CHECKED
    assert printed == [
        f"0 of {unknown} packages were checked; run it where the database can be reached."
    ]


def test_a_vulnerability_weighs_more_than_an_unknown_package() -> None:
    """Both are printed."""
    code, printed = audited(BAD, UNKNOWN)

    assert code == VULNERABLE
    assert len(printed) == 2


@pytest.mark.parametrize("stdout", ["", "no JSON", "{}"])
def test_without_an_answer_nothing_was_checked(stdout: str) -> None:
    """A missing network is not a vulnerability; the reason is pip-audit's last line."""
    code, printed = ended(stdout, "Traceback\nConnectionError: no route to host")

    assert (code, printed) == (
        NOT_CHECKED,
        ["Nothing was checked: ConnectionError: no route to host"],
    )
