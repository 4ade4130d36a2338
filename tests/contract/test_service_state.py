import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from rtmanager import spec_dir
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.handlers.operator.event_json import event_json
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE
from tests.contract.caller import Caller
from tests.unit.domain.world import World

OPERATOR = "/api/v1/operator"
DRIFT, WORKERS, EVENTS = (f"{OPERATOR}/{each}" for each in ("drift", "workers", "events"))


def _nullable(value: Any) -> Any:
    """Return a schema of the specification as plain JSON schema."""
    if isinstance(value, list):
        return [_nullable(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _nullable(each) for key, each in value.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if value.get("nullable") is True else plain


@pytest.fixture(scope="module")
def event_schema() -> Draft4Validator:
    """Return the schema of an event's data."""
    document = yaml.safe_load((spec_dir() / OPERATOR_SPEC_FILE).read_text())
    schemas = _nullable(document["components"]["schemas"])
    return Draft4Validator(
        {"$ref": "#/components/schemas/Event", "components": {"schemas": schemas}}
    )


async def test_every_event_is_as_specified(
    caller: Caller, world: World, event_schema: Draft4Validator
) -> None:
    """Of operations, of health and of drift."""
    await caller.start("g1")
    world.docker.rename(world.engine.id, "elsewhere")
    await world.manager.cycles.reconcile_sentence()
    await caller.post("/api/v1/internal/runtimes/g1/stop", {"reason": "finished"})

    rendered = [json.loads(json.dumps(event_json(each))) for each in world.store.event_table.events]

    assert {each["type"] for each in rendered} == {"operation", "health", "drift"}
    assert [error.message for each in rendered for error in event_schema.iter_errors(each)] == []


async def test_drift_is_empty_when_everything_agrees(caller: Caller) -> None:
    """The games are counted all the same."""
    await caller.start("g1")

    assert (await caller.get(DRIFT)).json == {"games": 1, "items": []}


async def test_drift_without_docker_is_unavailable(caller: Caller, world: World) -> None:
    """Nobody can compare without Docker's list."""
    await world.docker_leaves()

    assert (await caller.get(DRIFT)).error == (503, "docker_unavailable")


async def test_workers_of_no_replica_are_empty(caller: Caller) -> None:
    """What waits is shown all the same."""
    answer = await caller.get(WORKERS)

    assert answer.status == 200
    assert answer.json == {
        "leader": None,
        "replicas": [],
        "backlogs": [
            {"name": "outbox", "waiting": 0, "oldest_at": None},
            {"name": "open operations", "waiting": 0, "oldest_at": None},
        ],
        "errors": [],
    }


async def test_queue_that_cannot_be_asked_is_named_and_the_rest_is_answered(
    caller: Caller, world: World
) -> None:
    """One server that is away does not hide the others."""
    world.manager.on("backlogs.read", ServiceUnavailable("Redis is away"))

    answer = await caller.get(WORKERS)

    assert (answer.status, answer.json["backlogs"]) == (200, [])
    assert answer.json["errors"] == ["the store: Redis is away"]


@pytest.mark.parametrize("query", ["game_id=g1&game_id=g2", "after=1&after=2", "page=2"])
async def test_events_refuse_what_they_do_not_know(caller: Caller, query: str) -> None:
    """Before the stream begins."""
    assert (await caller.get(f"{EVENTS}?{query}")).error == (400, "invalid_request")


async def test_events_without_the_store_are_unavailable(caller: Caller, world: World) -> None:
    """The stream does not begin."""
    world.manager.on("operator_events.latest", ServiceUnavailable("Redis is away"))

    assert (await caller.get(EVENTS)).error == (503, "service_unavailable")
