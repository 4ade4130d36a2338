"""The command line in this process, against a service that the specifications define."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from rtmanager.cli import remote
from rtmanager.cli.app import app
from tests.unit.client.fake_service import FakeService, client_of

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command against a service."""
    for name in [name for name in os.environ if name.startswith("RTM")]:
        monkeypatch.delenv(name)

    def run(service: FakeService, *arguments: str, **environment: str) -> Any:
        monkeypatch.setattr(
            remote, "client", lambda _url, token: client_of(service, token=token, caller="admin")
        )
        return CliRunner().invoke(app, arguments, env=environment)

    return run
