"""The variables that `make run` uses, in a file for the commands of the same checkout."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

_HEADER = """\
# What `make run` used last; written anew each time. It contains passwords.
# For one command: `rtmanager doctor --env-file .rtmanager/env`; for a shell:
# set -a; . .rtmanager/env; set +a
"""


def write_env_file(file: Path, variables: Mapping[str, str]) -> None:
    """Write the variables for a shell, readable by nobody else."""
    ours = {name: variables[name] for name in sorted(variables) if name.startswith("RTM")}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in ours.items()]
    # Made anew, so that an earlier file's mode does not stay.
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.writelines([_HEADER, *lines])
    new.replace(file)
