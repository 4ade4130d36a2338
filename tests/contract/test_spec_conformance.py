"""Schemathesis over the running service, on real Postgres, Redis, Docker and a registry."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
import schemathesis

from rtmanager import spec_dir
from tests.contract import fuzzing
from tests.support.calls import wait_until
from tests.support.environment import GAME_LABEL, Environment, new_game
from tests.support.run import Say
from tests.support.running_service import RunningService, new_service

__all__ = ["new_service"]

SPEC = spec_dir() / "internal-openapi.yaml"
OPERATOR_SPEC = spec_dir() / "operator-openapi.yaml"
ROOT = Path(__file__).parents[2]
LONG_RUN = os.environ.get("CONTRACT_EXAMPLES")
"""Generated requests per operation and phase of `make contract EXAMPLES=200`, new in each run."""
SEED = os.environ.get("CONTRACT_SEED") or str(secrets.randbelow(2**32))
"""The seed of the generated requests; it is printed, so that a long run can be repeated."""

# `make test` must give the same result for the same code every time.
SHORT_RUN = ("--generation-deterministic", "--max-examples")
EXAMPLES = {SPEC: "15", OPERATOR_SPEC: "6"}
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
    "operatorListRuntimes": None,
    "operatorExplainRuntime": None,
    "operatorReadLogs": None,
    "operatorGetHealth": None,
    "operatorListHealth": None,
    "operatorListOperations": None,
    "operatorGetOperation": None,
    "operatorListDrift": None,
    "operatorListWorkers": None,
    "operatorListNodes": None,
    "internalPatchRuntime": {"image_ref": fuzzing.DEMO_IMAGES[1]},
    "internalRestartRuntime": None,
    "internalStopRuntime": {"reason": "finished"},
    "internalCleanupRuntimeContainer": None,
}
"""Every operation with its body, in an order in which each succeeds."""
OF_NODES = {"operatorMarkNodeLost", "operatorDrainNode", "operatorActivateNode"}
"""What can be said of the nodes of a Swarm only, and is 409 on a single Docker host."""
ASKED_FOR = {"start", "stop", "restart", "patch", "cleanup_container"}
"""The operations that callers can request, by their names in the operation log."""


@pytest.fixture
def service(new_service: Callable[..., RunningService]) -> RunningService:
    """Return a service that spends no time on health gates."""
    return new_service(**SHORT_WAITS)


@pytest.fixture
def environment(service: RunningService, docker_host: str) -> Iterator[Environment]:
    """Return a view of the service's state in Docker and Postgres."""
    given = service.variables
    with closing(docker.APIClient(base_url=docker_host, version="1.41")) as api:
        yield Environment(
            service,
            api,
            given["RTMANAGER_POSTGRES_PRIMARY_DSN"],
            given["RTMANAGER_DOCKER_NETWORK"],
            Path(given["RTMANAGER_GAME_STATE_ROOT"]),
        )


@pytest.fixture(autouse=True)
def _steered(monkeypatch: pytest.MonkeyPatch, registry: str) -> None:
    """Export to Schemathesis's process which games and images exist."""
    monkeypatch.setenv(fuzzing.REGISTRY_VARIABLE, registry)
    monkeypatch.setenv(fuzzing.GAMES_VARIABLE, new_game())


def test_every_operation_succeeds_as_its_spec_says(environment: Environment) -> None:
    """Each operation, called once over a game's life, answers with its specified success."""
    specified = {**_operations(SPEC), **_operations(OPERATOR_SPEC)}

    for name, body in LIFE_OF_A_GAME.items():
        case = _case(specified[name], body, environment)
        answer = case.call_and_validate(base_url=environment.service.url)
        assert answer.status_code == 200, (name, answer.text)

    assert LIFE_OF_A_GAME.keys() == specified.keys() - {fuzzing.STREAM, *OF_NODES}


def test_words_on_nodes_are_refused_on_a_single_host_as_their_spec_says(
    environment: Environment,
) -> None:
    """Their successes are shown by test_nodes_of_operators.py, and on a real Swarm."""
    specified = _operations(OPERATOR_SPEC)

    for name in OF_NODES:
        case = _case(specified[name], {"reason": "a new kernel"}, environment)
        answer = case.call_and_validate(base_url=environment.service.url)
        assert answer.status_code == 409, (name, answer.text)


def test_running_service_conforms_to_its_specs(
    environment: Environment, tmp_path: Path, say: Say
) -> None:
    """No generated request gets an answer outside the specs, and the final state is consistent.

    The second spec reads what the operations of the first have left.
    """
    if LONG_RUN:
        say(f"Fuzzing with {LONG_RUN} examples; CONTRACT_SEED={SEED} sends the same again ...")

    for spec in (SPEC, OPERATOR_SPEC):
        run = _fuzz(spec, environment.service.url, tmp_path)
        assert run.returncode == 0, run.stdout

    assert "request_failed" not in environment.service.log
    _assert_consistent_at_the_end(environment)


def _fuzz(spec: Path, url: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis in a process of its own."""
    return subprocess.run(
        _command(spec, url),
        cwd=directory,
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


def _assert_consistent_at_the_end(environment: Environment) -> None:
    """Assert that no operation is left open and that every record matches Docker.

    A game may have containers without a record, or the reverse. Nothing more can be asserted.
    """
    wait_until(lambda: not environment.open_operations())
    records = environment.rows("SELECT * FROM runtime_records")
    ours = {"label": f"com.galaxy.installation={environment.installation}"}
    containers = environment.docker.containers(all=True, filters=ours)
    games = {row["game_id"] for row in records} | {
        each["Labels"][GAME_LABEL] for each in containers
    }

    assert [fault for game in sorted(games) for fault in environment.inconsistencies(game)] == []
    assert len(records) > 1
    done = environment.rows("SELECT kind FROM operation_log WHERE outcome = 'success'")
    assert {row["kind"] for row in done} >= ASKED_FOR


def _operations(spec: Path) -> Mapping[str, Any]:
    """Return every operation of the spec by its id."""
    schema: Any = schemathesis.openapi.from_path(spec)
    found = [result.ok() for result in schema.get_all_operations()]
    return {each.definition.raw["operationId"]: each for each in found}


def _case(operation: Any, body: Any, environment: Environment) -> Any:
    """Return a request of this operation on the first of the live games, or its last operation.

    Ids do not begin at 1 when there are containers on the host that carry higher ones.
    """
    game = fuzzing.live_games()[0]
    known = {"game_id": game, "operation_id": 0, "node": "worker-1"}
    if logged := environment.operations(game):
        known["operation_id"] = logged[-1]["id"]
    path_parameters = {name: known[name] for name in re.findall(r"{(\w+)}", operation.path)}
    given = {} if body is None else {"body": body, "media_type": "application/json"}
    return operation.Case(path_parameters=path_parameters, **given)


def _command(spec: Path, url: str) -> list[str]:
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(spec)),
        *("--url", url),
        *("--checks", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *(("--seed", SEED, "--max-examples") if LONG_RUN else SHORT_RUN),
        LONG_RUN or EXAMPLES[spec],
        *("--exclude-operation-id", fuzzing.STREAM),
        *("--request-timeout", "60"),
        "--continue-on-failure",
        "--no-color",
    ]
