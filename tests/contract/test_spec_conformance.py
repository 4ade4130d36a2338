"""Schemathesis over the running service, on real Postgres, Redis, Docker and a registry."""

import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rtmanager import spec_dir
from tests.contract import fuzzing
from tests.services.running_service import RunningService, new_service

__all__ = ["new_service"]

SPEC = spec_dir() / "internal-openapi.yaml"
ROOT = Path(__file__).parents[2]
EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "15")
"""Generated requests per operation and phase; `make contract EXAMPLES=200` is the long run."""

SHORT_WAITS = {
    "start_gate_timeout": "2s",
    "patch_gate_timeout": "0",
    "container_stop_timeout_seconds": "1",
}


@pytest.fixture
def service(new_service: Callable[..., RunningService]) -> RunningService:
    """Return a service that does not dwell on the games' health."""
    return new_service(**SHORT_WAITS)


def test_running_service_conforms_to_its_spec(
    service: RunningService, registry: str, tmp_path: Path
) -> None:
    """No generated request, in any phase, gets an answer that the spec does not allow."""
    answers = tmp_path / "answers"

    run = subprocess.run(
        _command(service.url),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.contract.fuzzing",
            fuzzing.REGISTRY_VARIABLE: registry,
            fuzzing.GAMES_VARIABLE: f"fuzz-{secrets.token_hex(4)}",
            fuzzing.ANSWERS_VARIABLE: str(answers),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout
    assert "request_failed" not in service.log
    assert _answered_with_success(answers) == _operation_ids(), run.stdout


def _command(url: str) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(SPEC)),
        *("--url", url),
        *("--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", EXAMPLES),
        *("--max-response-time", "20"),
        *("--request-timeout", "60"),
        "--continue-on-failure",
        "--no-color",
    ]


def _operation_ids() -> set[str]:
    paths = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["paths"].values()
    return {operation["operationId"] for path in paths for operation in path.values()}


def _answered_with_success(answers: Path) -> set[str]:
    lines = Counter(answers.read_text(encoding="utf-8").splitlines())
    return {line.split()[0] for line in lines if line.endswith(" 200")}
