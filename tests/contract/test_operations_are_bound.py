from collections.abc import Mapping

import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call, Handler
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE, SPEC_FILE, create_app


async def nothing(_: Call) -> JsonObject:
    """Answer nothing."""
    return {}


def test_every_operation_has_its_handler_and_nothing_is_extra(table: Mapping[str, Handler]) -> None:
    """The operationIds of both specs and the endpoints table match one to one."""
    specs = [spec_dir() / each for each in (SPEC_FILE, OPERATOR_SPEC_FILE)]
    texts = [each.read_text(encoding="utf-8") for each in specs]
    paths = [path for each in texts for path in yaml.safe_load(each)["paths"].values()]
    specified = {operation["operationId"] for path in paths for operation in path.values()}

    create_app(table)

    assert table.keys() == specified


def test_operation_without_a_handler_fails_at_construction(table: Mapping[str, Handler]) -> None:
    """A missing handler is reported when the application is built, not at the first request."""
    short = {name: each for name, each in table.items() if name != "internalStopRuntime"}

    with pytest.raises(LookupError, match=r"^internalStopRuntime has no handler$"):
        create_app(short)


def test_handler_without_an_operation_fails_at_construction(table: Mapping[str, Handler]) -> None:
    """A handler for an operation that the spec does not define is an error."""
    long = {**table, "internalNoSuchOperation": nothing}

    with pytest.raises(LookupError, match=r"^internalNoSuchOperation is not in the spec$"):
        create_app(long)
