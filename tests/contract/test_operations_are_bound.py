import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.handlers import operations
from rtmanager.handlers.asgi import JsonObject
from rtmanager.handlers.call import Call
from rtmanager.http_app import SPEC_FILE, create_app, route
from tests.unit.domain.world import World

SPEC = spec_dir() / SPEC_FILE


async def nothing(_: Call) -> JsonObject:
    """Answer nothing."""
    return {}


def test_every_operation_has_its_handler_and_nothing_is_extra(world: World) -> None:
    """The spec's operationIds and the operations table match one to one."""
    paths = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["paths"].values()
    specified = {operation["operationId"] for path in paths for operation in path.values()}

    create_app(world.manager.cases)

    assert operations(world.manager.cases).keys() == specified


def test_operation_without_a_handler_fails_at_construction(world: World) -> None:
    """A missing handler is found when the application is built, not at the first request."""
    table = dict(operations(world.manager.cases))
    del table["internalStopRuntime"]

    with pytest.raises(LookupError, match=r"^internalStopRuntime has no handler$"):
        route(SPEC, table, validate_responses=False)


def test_handler_without_an_operation_fails_at_construction(world: World) -> None:
    """A handler that the spec does not know is a mistake, of one or the other."""
    table = {**operations(world.manager.cases), "internalPauseRuntime": nothing}

    with pytest.raises(LookupError, match=r"^internalPauseRuntime is not in the spec$"):
        route(SPEC, table, validate_responses=False)
