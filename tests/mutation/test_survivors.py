"""Each of these mutants is noticed by the test that is named with it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import pytest

from tests.mutation.access import OF_ACCESS
from tests.mutation.around import AROUND
from tests.mutation.bounds import OF_BOUNDS
from tests.mutation.connections import OF_CONNECTIONS
from tests.mutation.decisions import OF_DECISIONS
from tests.mutation.mutant import ROOT, Mutant, RunResult
from tests.mutation.nodes import OF_NODES
from tests.mutation.operations import OF_OPERATIONS
from tests.mutation.survivors import SURVIVORS
from tests.support.run import compiled_once

Runner = subprocess.Popen[str]

MUTANTS = (
    *SURVIVORS,
    *OF_DECISIONS,
    *OF_OPERATIONS,
    *AROUND,
    *OF_ACCESS,
    *OF_BOUNDS,
    *OF_CONNECTIONS,
    *OF_NODES,
)
EVERY = int(os.environ.get("MUTANTS_EVERY", "1"))
"""`make test` plants every second mutant, `make mutants` each."""


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """Return a process that runs tests on mutants."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mutation.mutant"],
        cwd=ROOT,
        env=compiled_once(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.communicate()


def ask(runner: Runner, mutant: Mutant | None, tests: Sequence[str]) -> RunResult:
    """Run the tests on the mutant, or on the unchanged code."""
    assert runner.stdin is not None
    assert runner.stdout is not None
    request = {"mutant": mutant and asdict(mutant), "tests": tests}
    runner.stdin.write(f"{json.dumps(request)}\n")
    runner.stdin.flush()
    return RunResult(**json.loads(runner.stdout.readline()))


def test_named_tests_pass_on_the_code_as_it_is(runner: Runner) -> None:
    """The named tests pass without a mutant: a test that fails anyway notices nothing."""
    tests = sorted({each.caught_by for each in MUTANTS})

    result = ask(runner, None, tests)

    assert result.exit_code == 0, result.output
    assert f"{len(tests)} passed" in result.output


@pytest.mark.parametrize("mutant", MUTANTS[::EVERY], ids=lambda each: each.name.replace(" ", "_"))
def test_mutant_is_caught(runner: Runner, mutant: Mutant) -> None:
    """The named test fails on the mutant, at an assertion and not because it could not run."""
    assert mutant.source  # the code still contains what is mutated

    result = ask(runner, mutant, [mutant.caught_by])

    assert result.exit_code == 1, result.output
    assert list(result.errors) == [mutant.caught_by], result.output
    when, *kinds = result.errors[mutant.caught_by]
    assert when == "call", result.output
    assert {"AssertionError", "Failed"} & set(kinds), result.output
