"""`make audit`: known vulnerabilities of the locked dependencies.

pip-audit succeeds when its database knows none of the packages, as behind a package archive of
one's own, and fails in the same way for a vulnerability and for a missing network. Here a package
that was not checked is never taken for one without vulnerabilities.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LOCK = Path("requirements/runtime.txt")
CLEAN, VULNERABLE, NOT_CHECKED = 0, 1, 2
SHOWN = 5
_COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--requirement", str(LOCK)),
    *("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"),
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def audit(echo: Callable[[str], None], *, run: Run = subprocess.run) -> int:
    """Report the vulnerabilities, and return the exit code."""
    answer = run(_COMMAND, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = answer.stderr.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        echo(f"Nothing was checked: {reason[0]}")
        return NOT_CHECKED
    return _report(dependencies, echo)


def _report(dependencies: Sequence[dict[str, Any]], echo: Callable[[str], None]) -> int:
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    found = [each for each in dependencies if each.get("vulns")]
    if len(skipped) == len(dependencies):
        total = len(dependencies)
        echo(f"0 of {total} packages were checked; run it where the database can be reached.")
        return NOT_CHECKED
    for each in found:
        echo(f"{each['name']} {each['version']}: {', '.join(map(_in_words, each['vulns']))}")
    if skipped:
        named = ", ".join(skipped[:SHOWN]) + (", …" if len(skipped) > SHOWN else "")
        total = len(dependencies)
        echo(f"The database does not know {len(skipped)} of {total} packages: {named}")
    if not (found or skipped):
        echo(f"No known vulnerability in {len(dependencies)} packages.")
    return VULNERABLE if found else NOT_CHECKED if skipped else CLEAN


def _in_words(vulnerability: dict[str, Any]) -> str:
    fixed = vulnerability.get("fix_versions")
    return f"{vulnerability['id']} (fixed in {', '.join(fixed) if fixed else 'no version yet'})"


if __name__ == "__main__":
    sys.exit(audit(print))
