"""A fuzz of raw bytes on the port of the real process, for FUZZ_SECONDS."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.calls import wait_until
from tests.support.environment import Environment
from tests.support.run import PROJECT, Say
from tests.support.use_of_resources import Use, health_checked

pytestmark = pytest.mark.fuzz

SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))
WARM_UP_SECONDS = 1.0
SEED = 20261129
SLOW_ANSWER_MS = 1000
"""Alone on two cores health checks take less than 100 ms; other tests run meanwhile."""
GROWTH_MB = 32
POOLS = 60
"""Connections to Postgres and Redis, which are opened when they are needed and kept."""
DEFECTS = ("Traceback", "request_failed", "Exception in ASGI application", '"level": "error"')


def attack(environment: Environment, seconds: float, seed: int) -> dict[str, Any]:
    """Send raw bytes from another process; return what it counted."""
    port = environment.service.port
    command = [sys.executable, "-m", "tests.support.raw_bytes", str(port), str(seconds), str(seed)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_raw_bytes_hurt_nobody(environment: Environment, say: Say) -> None:
    """Whatever is sent: no 500, no traceback, no growth, and the health check is answered."""
    attack(environment, WARM_UP_SECONDS, SEED + 1)
    before = Use.of(environment.service)
    with health_checked(environment.service) as checks:
        counted = attack(environment, SECONDS, SEED)
    wait_until(lambda: Use.of(environment.service).callers == 0)
    after = Use.of(environment.service)
    say(f"{SECONDS:g} s of raw bytes: {counted}; {checks}; before: {before}; after: {after}")

    log = environment.service.log
    assert [status for status in counted["statuses"] if int(status) >= 500] == []
    assert {"200", "400", "404", "408", "413", "431"} & counted["statuses"].keys() >= {"200", "400"}
    assert [defect for defect in DEFECTS if defect in log] == []
    assert checks.faults == []
    assert checks.quantile(1.0) < SLOW_ANSWER_MS
    assert after.descriptors - before.descriptors <= POOLS
    assert after.megabytes - before.megabytes < GROWTH_MB
