"""The unit file: what systemd itself says about it, and what has to fit the service."""

import re
import subprocess
from pathlib import Path

from dev.debian_packages import require_command
from rtmanager.config import Settings
from tests.support.run import Say

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "deploy/systemd/rtmanager.service"
NOT_HERE = "is not executable: No such file or directory"


def _analyze(say: Say, *arguments: str) -> str:
    program = require_command("systemd-analyze", "systemd", say)
    command = [program, *arguments, str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_systemd_knows_every_line(say: Say) -> None:
    """It finds nothing wrong, except that the service is not installed here."""
    said = [line for line in _analyze(say, "verify").splitlines() if str(UNIT.name) in line]

    assert [line for line in said if not line.endswith(NOT_HERE)] == []


def test_the_service_is_confined(say: Say) -> None:
    """Systemd's own measure of what a service could do, from 0 to 10, stays low."""
    exposure = re.search(
        r"exposure level for \S+: ([0-9.]+)", _analyze(say, "security", "--offline=1")
    )

    assert exposure is not None
    assert float(exposure[1]) < 2.5


def test_it_is_not_killed_while_it_drains() -> None:
    """Systemd waits for longer than the default limit of a shutdown, and a drain."""
    waits = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), flags=re.MULTILINE)
    limit = Settings.model_fields["shutdown_timeout"].default

    assert waits is not None
    assert int(waits[1]) >= float(str(limit).removesuffix("s")) + 20
