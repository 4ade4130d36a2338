"""Every operation of both contracts has its method, and what it sends and reads keeps them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rtmanager.client import OperationFilter, OperationKind, Outcome, RuntimeManagerClient
from tests.unit.client.fake_service import FakeService, answered, client_of
from tests.unit.client.specs import operations

GAME = "my-first-game"
IMAGE = "galaxy/game:1.4.7"
EVERYTHING = OperationFilter(
    game_id=GAME,
    kind=OperationKind.PATCH,
    outcome=Outcome.OPEN,
    source_ref="r-1",
    since=datetime(2026, 4, 1, tzinfo=UTC),
)


async def _first(items: AsyncIterator[Any]) -> Any:
    return await anext(items)


METHODS: dict[str, Callable[[RuntimeManagerClient], Awaitable[Any]]] = {
    "internalHealthz": lambda rtm: rtm.healthz(),
    "internalReadyz": lambda rtm: rtm.readyz(),
    "internalListRuntimes": lambda rtm: rtm.list(),
    "internalGetRuntime": lambda rtm: rtm.get(GAME),
    "internalStartRuntime": lambda rtm: rtm.start(GAME, IMAGE),
    "internalStopRuntime": lambda rtm: rtm.stop(GAME, "finished"),
    "internalRestartRuntime": lambda rtm: rtm.restart(GAME),
    "internalPatchRuntime": lambda rtm: rtm.patch(GAME, IMAGE),
    "internalCleanupRuntimeContainer": lambda rtm: rtm.cleanup(GAME),
    "operatorListRuntimes": lambda rtm: rtm.overview(GAME),
    "operatorExplainRuntime": lambda rtm: rtm.explain(GAME),
    "operatorReadLogs": lambda rtm: _first(
        rtm.logs(GAME, tail=5, since=timedelta(minutes=2), follow=True)
    ),
    "operatorGetHealth": lambda rtm: rtm.health(GAME),
    "operatorListHealth": lambda rtm: rtm.health_of_all(),
    "operatorListOperations": lambda rtm: rtm.operations(EVERYTHING, limit=500, cursor="c"),
    "operatorGetOperation": lambda rtm: rtm.operation(7, wait=1),
    "operatorStreamEvents": lambda rtm: _first(rtm.events(GAME, after="7")),
    "operatorListDrift": lambda rtm: rtm.drift(),
    "operatorListWorkers": lambda rtm: rtm.workers(),
    "operatorListNodes": lambda rtm: rtm.nodes(),
    "operatorMarkNodeLost": lambda rtm: rtm.node_lost("worker-1", reason="burnt out"),
    "operatorDrainNode": lambda rtm: rtm.drain_node("worker-1"),
    "operatorActivateNode": lambda rtm: rtm.activate_node("worker-1"),
}
"""The method of each operation."""


def test_every_operation_has_a_method() -> None:
    """An operation that is added to a specification is added to the client."""
    assert METHODS.keys() == {each.id for each in operations()}


@pytest.mark.parametrize("null", [False, True], ids=["full", "null"])
@pytest.mark.parametrize("name", METHODS)
async def test_answer_that_keeps_the_contract_is_understood(name: str, null: bool) -> None:  # noqa: FBT001
    """Each request is one that its specification allows, and each answer can be read."""
    service = FakeService(null=null)
    async with client_of(service) as rtm:
        await METHODS[name](rtm)

    (request,) = service.requests
    assert [each.id for each in operations() if each.matches(request.method, request.url.path)] == [
        name
    ]


async def test_long_wait_is_made_of_several_requests() -> None:
    """The service waits for 60 s at most, so the client asks again while the operation is open."""
    service = FakeService()
    async with client_of(service) as rtm:
        await rtm.operation(7, wait=150)

    assert [each.url.params["wait"] for each in service.requests] == [
        "60000ms",
        "60000ms",
        "30000ms",
    ]


async def test_all_operations_are_read_page_after_page() -> None:
    """The iterator follows the cursors with the same filter, and ends with the last page."""
    pages = FakeService()
    first = (await client_of(pages).operations()).json
    last = {**first, "next_cursor": None, "items": first["items"][:1]}

    service = FakeService(answered(first), answered(last))
    async with client_of(service) as rtm:
        found = [each async for each in rtm.all_operations(OperationFilter(game_id=GAME), page=2)]

    assert len(found) == 3
    assert [dict(each.url.params) for each in service.requests] == [
        {"game_id": GAME, "limit": "2"},
        {"game_id": GAME, "limit": "2", "cursor": "text"},
    ]
