"""A process that imports what is not ours once, and forks for every mutant.

Most of what one run of pytest costs is imports, and a fork has them already. It reads one question
a line and writes one answer a line, both JSON.
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

import pytest
from pytest_asyncio import plugin as pytest_asyncio

from tests.mutation.mutant import ROOT, Mutant

LONGEST = 30
"""Seconds after which a test that a mutant makes hang is ended."""
PRELOADED = ("tests.unit.domain.conftest", "rtmanager.bootstrap.composition")
"""Modules which, taken together, import every library that unit tests need."""
OURS = {"rtmanager", "tests"}
UNIT_TESTS = ROOT / "tests" / "unit"
"""Only these are run here: without the fixtures of the tests on real services."""
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "--tb=short", f"--confcutdir={UNIT_TESTS}")


@dataclass
class Verdict:
    """What came of a run: pytest's exit code, the errors of tests that failed, what it printed."""

    exit_code: int
    errors: dict[str, list[str]] = field(default_factory=dict)
    output: str = ""


class _Witness:
    """Notes which tests failed while they ran, and with what class of error."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None:
            kinds = [each.__name__ for each in call.excinfo.type.__mro__]
            self.errors[item.nodeid] = [call.when, *kinds]


def run(mutant: Mutant | None, tests: Sequence[str]) -> Verdict:
    """Run the tests in a fork of this process, on the mutant if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        said, noted = Path(folder, "said"), Path(folder, "noted")
        child = os.fork()
        if child == 0:
            _run_in_child(mutant, tests, said, noted)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors = json.loads(noted.read_text()) if noted.exists() else {}
        return Verdict(exit_code, errors, said.read_text(errors="replace"))


def _run_in_child(mutant: Mutant | None, tests: Sequence[str], said: Path, noted: Path) -> None:
    """Never come back: whatever happens here ends the fork."""
    code = -1
    try:
        signal.alarm(LONGEST)
        _print_to(said)
        if mutant is not None:
            mutant.infect()
        witness = _Witness()
        code = int(pytest.main([*OPTIONS, *tests], plugins=[pytest_asyncio, witness]))
        noted.write_text(json.dumps(witness.errors))
    except BaseException:  # noqa: BLE001 - it is what the test shows
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _print_to(file: Path) -> None:
    """Let both streams of this process go to the file."""
    written = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(written, 1)
    os.dup2(written, 2)


def _preload() -> None:
    """Import all libraries, and forget what is ours: every fork imports that anew."""
    for module in PRELOADED:
        import_module(module)
    for name in [each for each in sys.modules if each.partition(".")[0] in OURS]:
        del sys.modules[name]


def main() -> None:
    """Answer questions until there are no more."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    _preload()
    for line in sys.stdin:
        question = json.loads(line)
        mutant = Mutant(**question["mutant"]) if question["mutant"] else None
        verdict = run(mutant, question["tests"])
        sys.stdout.write(f"{json.dumps(asdict(verdict))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
