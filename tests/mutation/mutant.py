"""A mutant: one piece of the source, replaced where it is imported; the file stays as it is."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """What is wrong, how it would be written, and the test that notices.

    `old` stands exactly once in the file. `caught_by` is pytest's id of the test.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str

    @property
    def path(self) -> Path:
        """The file that is not touched."""
        return ROOT / self.file

    @property
    def module(self) -> str:
        """The name under which the file is imported."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def source(self) -> str:
        """The source with the one thing wrong; the right one must have changed if that fails."""
        right = self.path.read_text(encoding="utf-8")
        places = right.count(self.old)
        assert places == 1, f"{self.file} has the old text of {self.name!r} {places} times"
        return right.replace(self.old, self.new)

    def infect(self) -> None:
        """Let whoever imports the module in this process get the mutant; nobody has it yet."""
        assert self.module not in sys.modules
        sys.meta_path.insert(0, _Finder(self))


class _Finder(MetaPathFinder):
    """Finds the one module that is mutated, before anybody else does."""

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
    """Compiles the mutated source; what was compiled before is neither read nor written."""

    def __init__(self, fullname: str, mutant: Mutant) -> None:
        super().__init__(fullname, str(mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - it has one module only
        return compile(self._mutant.source, str(self._mutant.path), "exec", dont_inherit=True)
