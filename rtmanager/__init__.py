"""The Galaxy Runtime Manager: one Docker container per running game."""

from pathlib import Path

__version__ = "0.1.0"


def spec_dir() -> Path:
    """Return the directory of the specification files.

    A source tree has them at its top level, an installed package includes a copy.
    """
    package = Path(__file__).parent
    in_source_tree = package.parent / "spec"
    # site-packages may have a foreign directory named spec: ours is beside our pyproject.toml.
    if (package.parent / "pyproject.toml").is_file() and in_source_tree.is_dir():
        return in_source_tree
    return package / "spec"
