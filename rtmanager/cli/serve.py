"""`serve` and `migrate`: the service itself."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from rtmanager.cli.faults import ExitCode, refuse

_LEFT_OUT = {
    *("chardet", "charset_normalizer", "flask", "greenlet", "isoduration"),
    *("psutil", "pygments", "rich", "watchfiles"),
}
"""Libraries that others import if they are installed, and of which the service uses nothing."""

if TYPE_CHECKING:
    from rtmanager.config import Address, Settings


def serve() -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Everything is set by RTMANAGER_* variables: `rtmanager check-config` shows them all. A second
    signal ends the process immediately.
    """
    try:
        run_service(os.environ)
    except KeyboardInterrupt:  # before the service itself waits for signals
        raise SystemExit(ExitCode.INTERRUPTED) from None


def run_service(
    environment: Mapping[str, str],
    announce: "Callable[[Address], None]" = lambda _address: None,
) -> None:
    """Run the service with these variables; a startup error ends the process with one line.

    Calls `announce` with the address once requests are accepted.
    """
    # What is imported and assembled stays: the server collects garbage once that is done.
    gc.disable()
    settings = _settings(environment)
    with _start_up_faults_in_plain_words():
        with left_out():
            from rtmanager.server.process import run  # noqa: PLC0415 - slow

        run(settings, announce)


@contextmanager
def left_out() -> Iterator[None]:
    """Let these libraries look as if they were not installed; one that was imported stays.

    They are a tenth of the time and of the memory of a start.
    """
    absent = dict.fromkeys(_LEFT_OUT - sys.modules.keys())
    # To the import system None is a module that does not exist.
    sys.modules.update(absent)  # type: ignore[arg-type]
    try:
        with catch_warnings():
            # Requests could not guess the encoding of a text; Docker answers in UTF-8.
            simplefilter("ignore")
            yield
    finally:
        for name in absent:
            del sys.modules[name]


def migrate() -> None:
    """Bring the database schema up to date.

    `serve` does this when it starts; use this command to do it beforehand. Several processes may
    migrate at the same time.
    """
    settings = _settings(os.environ)
    with _start_up_faults_in_plain_words():
        from rtmanager.bootstrap.composition import (  # noqa: PLC0415 - slow
            migrate as migrate_schema,
        )

        report = asyncio.run(migrate_schema(settings))
    if report.from_version == report.to_version:
        sys.stdout.write(f"Schema {report.schema} is up to date: version {report.to_version}.\n")
    else:
        versions = f"version {report.from_version} to {report.to_version}"
        sys.stdout.write(f"Schema {report.schema} went from {versions}.\n")


def _settings(environment: Mapping[str, str]) -> "Settings":
    from rtmanager.config import ConfigError, Settings  # noqa: PLC0415 - slow

    try:
        return Settings.from_environment(environment)
    except ConfigError as error:
        refuse(in_plain_words(error.faults))


def in_plain_words(faults: tuple[object, ...]) -> str:
    """Return the faults of the settings, one to a line."""
    if len(faults) == 1:
        return str(faults[0])
    return "\n".join([f"{len(faults)} settings are wrong:", *(f"  {each}" for each in faults)])


@contextmanager
def _start_up_faults_in_plain_words() -> Iterator[None]:
    from rtmanager.bootstrap.service import StartupError  # noqa: PLC0415 - slow

    try:
        yield
    except StartupError as error:
        refuse(str(error))
