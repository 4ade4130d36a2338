"""A file of variables, such as `make run` writes: `NAME=VALUE` lines for a shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from rtmanager.cli.faults import ExitCode, refuse

CHECKOUT_FILE = Path(".rtmanager/env")
"""Where `make run` writes the variables that it uses."""

EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        help=f"Read the variables from a file; `make run` writes {CHECKOUT_FILE}.",
    ),
]


def variables(file: Path | None) -> Mapping[str, str]:
    """Return the variables of the file, or those of the process."""
    if file is None:
        return os.environ
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        refuse(f"cannot read {file}: {reason}", ExitCode.USAGE)
    return dict(
        _variable(line, f"line {number} of {file}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _variable(line: str, where: str) -> tuple[str, str]:
    name, is_assigned, value = line.strip().removeprefix("export ").partition("=")
    try:
        words = shlex.split(value)
    except ValueError:
        words = [value, ""]
    if not is_assigned or not name.isidentifier() or len(words) > 1:
        refuse(f"{where} is not NAME=VALUE, quoted as for a shell", ExitCode.USAGE)
    return name, "".join(words)


def hint(file: Path | None) -> str:
    """Return what to do in a checkout when nothing is set."""
    is_set = any(name.startswith("RTMANAGER_") for name in os.environ)
    if file is not None or is_set or not CHECKOUT_FILE.is_file():
        return ""
    return f"\nNothing is set; add `--env-file {CHECKOUT_FILE}` for what `make run` uses."
