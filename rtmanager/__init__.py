"""The Galaxy Runtime Manager: one Docker container per running game."""

from pathlib import Path

__version__ = "0.1.0"


def spec_dir() -> Path:
    """Return the directory of the specification files.

    A source tree keeps them at its top level, an installed package carries a copy inside.
    """
    package = Path(__file__).parent
    in_source_tree = package.parent / "spec"
    # site-packages may hold a foreign folder named spec: ours has our pyproject.toml beside it.
    if (package.parent / "pyproject.toml").is_file() and in_source_tree.is_dir():
        return in_source_tree
    return package / "spec"
