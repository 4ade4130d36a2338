"""What the spec says of headers and paths is what a request is checked by."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.handlers.endpoint import Handler
from rtmanager.server import connexion_app
from rtmanager.server.connexion_app import SPEC_FILE, create_app
from tests.contract.caller import RUNTIMES, Answer, Caller

Change = Callable[[dict[str, Any]], None]
_CACHES = ("_document", "_known_paths", "_operations")


@pytest.fixture
def with_spec(
    table: Mapping[str, Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Change], Caller]]:
    """Return a function that changes the spec and returns a caller of the service that it makes."""
    monkeypatch.setattr(connexion_app, "spec_dir", lambda: tmp_path / "spec")

    def served(change: Change) -> Caller:
        path = Path(copytree(spec_dir(), tmp_path / "spec"), SPEC_FILE)
        document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        change(document)
        path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper), encoding="utf-8")
        _forget()
        return Caller(create_app(table))

    yield served
    _forget()


def _forget() -> None:
    for each in _CACHES:
        getattr(connexion_app, each).cache_clear()


def _list_parameters(document: dict[str, Any]) -> list[Any]:
    operation = document["paths"][RUNTIMES]["get"]
    parameters: list[Any] = operation.setdefault("parameters", [])
    return parameters


async def test_a_header_that_the_spec_demands_is_demanded(
    with_spec: Callable[[Change], Caller],
) -> None:
    """A header gets its rule by standing in the spec; no code names it."""

    def change(document: dict[str, Any]) -> None:
        schema = {"type": "string", "pattern": "^[a-z]+$"}
        header = {"name": "X-Galaxy-Region", "in": "header", "required": True, "schema": schema}
        _list_parameters(document).append(header)

    caller = with_spec(change)

    async def listed(*values: bytes) -> Answer:
        headers = [(b"x-galaxy-region", value) for value in values]
        return await caller.send("GET", RUNTIMES, headers=headers)

    assert (await listed(b" north ")).status == 200
    assert (await listed()).error == (400, "invalid_request")
    assert (await listed()).message == "the header X-Galaxy-Region is missing"
    wrong = "the header X-Galaxy-Region does not satisfy pattern"
    assert (await listed(b"North")).message == wrong
    assert (await listed(b"north", b"North")).message == wrong


async def test_a_rule_for_a_text_in_a_path_is_kept(with_spec: Callable[[Change], Caller]) -> None:
    """The rule is about the decoded text."""

    def change(document: dict[str, Any]) -> None:
        document["components"]["parameters"]["GameIDPath"]["schema"]["maxLength"] = 3

    caller = with_spec(change)

    assert (await caller.get(f"{RUNTIMES}/%61bc")).error == (404, "not_found")
    assert (await caller.get(f"{RUNTIMES}/abcd")).error == (400, "invalid_request")
    assert (await caller.get(f"{RUNTIMES}/abcd")).message == (
        "the path game_id does not satisfy maxLength"
    )


def test_a_place_that_nothing_checks_is_refused_at_construction(
    with_spec: Callable[[Change], Caller],
) -> None:
    """A parameter in a cookie would otherwise be in the spec and never be checked."""

    def change(document: dict[str, Any]) -> None:
        cookie = {"name": "region", "in": "cookie", "schema": {"type": "string"}}
        _list_parameters(document).append(cookie)

    with pytest.raises(LookupError, match="cookie parameters: region"):
        with_spec(change)
