"""Schemathesis over the running service, on real Postgres, Redis, Docker and a registry."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from rtmanager import spec_dir
from tests.contract import fuzzing
from tests.services.running_service import RunningService, new_service

__all__ = ["new_service"]

SPEC = spec_dir() / "internal-openapi.yaml"
ROOT = Path(__file__).parents[2]
LONG_RUN = os.environ.get("CONTRACT_EXAMPLES")
"""Generated requests per operation and phase of `make contract EXAMPLES=200`, each time others."""

# `make test` says the same of the same code every time.
SHORT_RUN = ("--max-examples", "15", "--generation-deterministic")
SHORT_WAITS = {
    "start_gate_timeout": "2s",
    "patch_gate_timeout": "0",
    "container_stop_timeout_seconds": "1",
}

LIFE_OF_A_GAME: Mapping[str, Any] = {
    "internalHealthz": None,
    "internalReadyz": None,
    "internalStartRuntime": {"image_ref": fuzzing.DEMO_IMAGES[0]},
    "internalGetRuntime": None,
    "internalListRuntimes": None,
    "internalPatchRuntime": {"image_ref": fuzzing.DEMO_IMAGES[1]},
    "internalRestartRuntime": None,
    "internalStopRuntime": {"reason": "finished"},
    "internalCleanupRuntimeContainer": None,
}
"""Every operation with its body, in an order in which each succeeds."""


@pytest.fixture
def service(new_service: Callable[..., RunningService]) -> RunningService:
    """Return a service that does not dwell on the games' health."""
    return new_service(**SHORT_WAITS)


@pytest.fixture(autouse=True)
def _steered(monkeypatch: pytest.MonkeyPatch, registry: str) -> None:
    """Tell what steers Schemathesis, here and in its own process, which games and images exist."""
    monkeypatch.setenv(fuzzing.REGISTRY_VARIABLE, registry)
    monkeypatch.setenv(fuzzing.GAMES_VARIABLE, f"fuzz-{secrets.token_hex(4)}")


def test_every_operation_succeeds_as_its_spec_says(service: RunningService) -> None:
    """One game lives its life by every operation; each answer is the success that is specified."""
    specified = _operations()

    for name, body in LIFE_OF_A_GAME.items():
        answer = _case(specified[name], body).call_and_validate(base_url=service.url)
        assert answer.status_code == 200, (name, answer.text)

    assert LIFE_OF_A_GAME.keys() == specified.keys()


def test_running_service_conforms_to_its_spec(service: RunningService, tmp_path: Path) -> None:
    """No generated request, in any phase, gets an answer that the spec does not allow."""
    run = subprocess.run(
        _command(service.url),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.contract.fuzzing",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout
    assert "request_failed" not in service.log


def _operations() -> Mapping[str, Any]:
    """Return every operation of the spec by its id."""
    schema: Any = schemathesis.openapi.from_path(SPEC)
    found = [result.ok() for result in schema.get_all_operations()]
    return {each.definition.raw["operationId"]: each for each in found}


def _case(operation: Any, body: Any) -> Any:
    """Return a request of this operation on the first of the live games."""
    path_parameters = {"game_id": fuzzing.live_games()[0]} if operation.path_parameters else {}
    given = {} if body is None else {"body": body, "media_type": "application/json"}
    return operation.Case(path_parameters=path_parameters, **given)


def _command(url: str) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(SPEC)),
        *("--url", url),
        *("--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *(("--max-examples", LONG_RUN) if LONG_RUN else SHORT_RUN),
        *("--max-response-time", "20"),
        *("--request-timeout", "60"),
        "--continue-on-failure",
        "--no-color",
    ]
