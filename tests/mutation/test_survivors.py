"""The tests bite: each of these mutants is noticed, by the test that is named with it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import pytest

from tests.mutation.around import AROUND
from tests.mutation.laboratory import Verdict
from tests.mutation.mutant import ROOT, Mutant
from tests.mutation.operations import OF_OPERATIONS
from tests.mutation.survivors import SURVIVORS
from tests.services.compiled_once import compiled_once

Laboratory = subprocess.Popen[str]

MUTANTS = (*SURVIVORS, *OF_OPERATIONS, *AROUND)


@contextmanager
def _opened() -> Iterator[Laboratory]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mutation.laboratory"],
        cwd=ROOT,
        env=compiled_once(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as laboratory:
        yield laboratory
        laboratory.communicate()


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """Return a process that runs tests on mutants."""
    with _opened() as laboratory:
        yield laboratory


def ask(laboratory: Laboratory, mutant: Mutant | None, tests: Sequence[str]) -> Verdict:
    """Let the laboratory run the tests on the mutant."""
    assert laboratory.stdin is not None
    assert laboratory.stdout is not None
    question = {"mutant": mutant and asdict(mutant), "tests": tests}
    laboratory.stdin.write(f"{json.dumps(question)}\n")
    laboratory.stdin.flush()
    return Verdict(**json.loads(laboratory.stdout.readline()))


def test_named_tests_pass_on_the_code_as_it_is(laboratory: Laboratory) -> None:
    """A test that fails anyway catches nothing."""
    tests = sorted({each.caught_by for each in MUTANTS})

    verdict = ask(laboratory, None, tests)

    assert verdict.exit_code == 0, verdict.output
    assert f"{len(tests)} passed" in verdict.output


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name.replace(" ", "_"))
def test_mutant_is_caught(laboratory: Laboratory, mutant: Mutant) -> None:
    """The named test fails on it, at an assertion and not because it could not run."""
    assert mutant.source  # the code still has what is mutated

    verdict = ask(laboratory, mutant, [mutant.caught_by])

    assert verdict.exit_code == 1, verdict.output
    assert list(verdict.errors) == [mutant.caught_by], verdict.output
    when, *kinds = verdict.errors[mutant.caught_by]
    assert when == "call", verdict.output
    assert {"AssertionError", "Failed"} & set(kinds), verdict.output
