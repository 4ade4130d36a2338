"""The files of the pages: one style sheet, our scripts and an icon, read once."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from rtmanager.handlers.memory_file import MemoryFile

_KINDS = {".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def files() -> Mapping[str, MemoryFile]:
    """Return every file by its name; the style sheets are one file, in the order of their names."""
    package = resources.files("rtmanager.console")
    sheets = sorted((package / "styles").iterdir(), key=lambda each: each.name)
    style = b"\n".join(each.read_bytes() for each in sheets)
    found = {
        each.name: MemoryFile(each.read_bytes(), _kind(each))
        for each in (package / "assets").iterdir()
    }
    return {"console.css": MemoryFile(style, "text/css"), **found}


def _kind(file: Traversable) -> str:
    return _KINDS["." + file.name.rpartition(".")[2]]
