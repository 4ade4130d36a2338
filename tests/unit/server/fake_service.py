"""The real command lines with a stand-in for the service, which opens and closes nothing.

The first argument `dev` stands for `python -m dev`, any other is a command of `rtmanager`. The
variable FAKE_FAULT says what is to go wrong.
"""

import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from dev import SetUpError
from dev import __main__ as dev
from rtmanager.bootstrap.service import StartupError
from rtmanager.cli import main

FAULT = os.environ.get("FAKE_FAULT")


def say(what: str) -> None:
    """Print a line for the test, unbuffered."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class EngineConnections:
    """Knows no engines, and refuses everybody who has to be asked about."""

    known = None

    async def admits(self, _address: str) -> bool:
        """Admit nobody."""
        return False


class UseCases:
    """Use cases of which only one does anything."""

    connections = EngineConnections()

    def release(self) -> None:
        """Let nobody go, since nobody waits."""

    def __getattr__(self, _name: str) -> None:
        """Have no others."""


class Service:
    """A service that only prints what is done to it."""

    use_cases = UseCases()

    def withdraw(self) -> None:
        """Print that it is about to stop."""
        say("withdrawn" if gc.isenabled() else "withdrawn, and garbage was never collected")

    @asynccontextmanager
    async def open(self, _deadline: object) -> AsyncIterator[None]:
        """Open nothing, or fail as a missing dependency does."""
        if FAULT == "service":
            raise StartupError("Postgres cannot be reached; is it running?")
        say("opened")
        yield
        say("closed")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request with 204."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await receive()
    if FAULT == "lifespan":
        raise RuntimeError("an operation is not bound")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def migrate(_settings: Any) -> Any:
    """Pretend to migrate between the versions in FAKE_MIGRATED."""
    before, after = os.environ["FAKE_MIGRATED"].split(",")
    return SimpleNamespace(schema="rtm", from_version=int(before), to_version=int(after))


class Prepared:
    """A prepared environment with the values that the test set in FAKE_PREPARED_*."""

    def __init__(self) -> None:
        staged = {name: value for name, value in os.environ.items() if "FAKE_PREPARED_" in name}
        self.environ = {
            name.removeprefix("FAKE_PREPARED_"): value for name, value in staged.items()
        }

    def stop(self) -> None:
        """Print that it has stopped."""
        say("environment stopped")


def prepare(data_dir: Path, echo: Callable[[str], None]) -> Prepared:
    """Prepare nothing, or fail as a missing Docker does."""
    if FAULT == "set-up":
        raise SetUpError("Docker is missing; install it")
    try:
        echo(f"preparing {data_dir}")
        sys.stdout.flush()
        if FAULT == "slow set-up":
            signal.pause()
    except KeyboardInterrupt:
        say("preparation reverted")
        raise
    return Prepared()


def plant(name: str, **members: object) -> None:
    """Replace the real module by a stand-in."""
    module = ModuleType(f"rtmanager.{name}")
    vars(module).update(members)
    sys.modules[module.__name__] = module
    package, _, last = module.__name__.rpartition(".")
    setattr(import_module(package), last, module)


if __name__ == "__main__":
    plant(
        "bootstrap.composition",
        migrate=migrate,
        assemble=lambda _settings: Service(),
    )
    plant(
        "server.connexion_app",
        create_app=lambda _table, _access, _events, **_options: application,
        SWAGGER_UI_PATH="/swagger/ui",
    )
    vars(dev)["prepare"] = prepare
    if sys.argv[1] == "dev":
        del sys.argv[1]
        dev.main()
    main()
