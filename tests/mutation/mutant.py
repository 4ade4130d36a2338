"""A mutant: a piece of the source, replaced on import; and a process that runs tests on mutants.

Most of the time of a run of pytest is imports. This process imports the libraries once, and forks
for every mutant.
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
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from pytest_asyncio import plugin as pytest_asyncio

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 30
"""Seconds after which a test that hangs on a mutant is ended."""
PRELOADED = ("tests.unit.domain.conftest", "rtmanager.bootstrap")
"""Modules that together import every library that unit tests need."""
OURS = {"rtmanager", "tests"}
UNIT_TESTS = ROOT / "tests" / "unit"
"""Only unit tests run here, without the fixtures of the tests on real services."""
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "--tb=short", f"--confcutdir={UNIT_TESTS}")


@dataclass(frozen=True)
class Mutant:
    """A fault in one source file, and the test that must notice it.

    `old` occurs exactly once in the file. `caught_by` is pytest's id of the test.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str

    @property
    def path(self) -> Path:
        """The source file, which is not changed."""
        return ROOT / self.file

    @property
    def module(self) -> str:
        """The name under which the file is imported."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def source(self) -> str:
        """The source with its one fault; an error if the original no longer fits."""
        original = self.path.read_text(encoding="utf-8")
        places = original.count(self.old)
        assert places == 1, f"{self.file} has the old text of {self.name!r} {places} times"
        return original.replace(self.old, self.new)

    def install(self) -> None:
        """Make imports of the module in this process load the mutant; none has happened before."""
        assert self.module not in sys.modules
        sys.meta_path.insert(0, _Finder(self))


class _Finder(MetaPathFinder):
    """Finds the one module that is mutated, before any other finder."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        return spec_from_file_location(
            fullname, self._mutant.path, loader=_Loader(fullname, self._mutant)
        )


class _Loader(SourceFileLoader):
    """Compiles the mutated source; cached bytecode is neither read nor written."""

    def __init__(self, fullname: str, mutant: Mutant) -> None:
        super().__init__(fullname, str(mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - it has one module only
        return compile(self._mutant.source, str(self._mutant.path), "exec", dont_inherit=True)


@dataclass
class RunResult:
    """A run: pytest's exit code, the errors of the tests that failed, and its output."""

    exit_code: int
    errors: dict[str, list[str]] = field(default_factory=dict)
    output: str = ""


class _FailureRecorder:
    """Records which tests failed, and with what class of error."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None:
            kinds = [each.__name__ for each in call.excinfo.type.__mro__]
            self.errors[item.nodeid] = [call.when, *kinds]


def run(mutant: Mutant | None, tests: Sequence[str]) -> RunResult:
    """Run the tests in a fork of this process, on the mutant if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors_file = Path(folder, "output"), Path(folder, "errors")
        child = os.fork()
        if child == 0:
            _run_in_child(mutant, tests, output, errors_file)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors = json.loads(errors_file.read_text()) if errors_file.exists() else {}
        return RunResult(exit_code, errors, output.read_text(errors="replace"))


def _run_in_child(
    mutant: Mutant | None, tests: Sequence[str], output: Path, errors_file: Path
) -> None:
    """Run the tests and exit in any case: the fork never returns."""
    code = -1
    try:
        signal.alarm(0 if mutant is None else TIMEOUT)  # all tests may take any time
        _print_to(output)
        if mutant is not None:
            mutant.install()
        recorder = _FailureRecorder()
        code = int(pytest.main([*OPTIONS, *tests], plugins=[pytest_asyncio, recorder]))
        errors_file.write_text(json.dumps(recorder.errors))
    except BaseException:  # noqa: BLE001 - it is printed for the test to show
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _print_to(file: Path) -> None:
    """Send both streams of this process to the file."""
    written = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(written, 1)
    os.dup2(written, 2)


def _preload() -> None:
    """Import all libraries and unload our own modules, which every fork imports itself."""
    for module in PRELOADED:
        import_module(module)
    for name in [each for each in sys.modules if each.partition(".")[0] in OURS]:
        del sys.modules[name]


def main() -> None:
    """Run tests on mutants, one per JSON line of standard input, until it ends."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    _preload()
    for line in sys.stdin:
        request = json.loads(line)
        mutant = Mutant(**request["mutant"]) if request["mutant"] else None
        result = run(mutant, request["tests"])
        sys.stdout.write(f"{json.dumps(asdict(result))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
