"""The client on the application itself: what it sends is accepted, what it gets is understood."""

import httpx
import pytest

from rtmanager.client import (
    Conflict,
    InvalidRequest,
    NotFound,
    OperationFilter,
    RuntimeManagerClient,
    RuntimeStatus,
    SemverPatchOnly,
    StopReason,
)
from tests.contract.caller import Caller
from tests.unit.domain.world import World

IMAGE, NEWER = "galaxy/game:1.4.7", "galaxy/game:1.4.8"


@pytest.fixture
def rtm(caller: Caller) -> RuntimeManagerClient:
    """Return a client whose transport is the application."""
    return RuntimeManagerClient(transport=httpx.ASGITransport(caller.app))


async def test_life_of_a_game(rtm: RuntimeManagerClient, world: World) -> None:
    """Every action is accepted and answers with the record, which is also in the list."""
    started = await rtm.start("g", IMAGE)
    patched = await rtm.patch("g", NEWER)
    restarted = await rtm.restart("g")
    stopped = await rtm.stop("g", StopReason.FINISHED)
    removed = await rtm.cleanup("g")

    assert started.status is RuntimeStatus.RUNNING
    assert patched.current_image_ref == NEWER
    assert restarted.current_container_id != patched.current_container_id
    assert stopped.status is RuntimeStatus.STOPPED
    assert removed.status is RuntimeStatus.REMOVED
    assert await rtm.list() == (await rtm.get("g"),) == (removed,)
    assert {each.request.origin.source for each in world.operations} == {"admin_rest"}


async def test_request_id_and_caller_are_recorded(caller: Caller, world: World) -> None:
    """The operation log has the request id that was given, and who called."""
    async with RuntimeManagerClient(caller="gm", transport=httpx.ASGITransport(caller.app)) as rtm:
        await rtm.start("g", IMAGE, request_id="mine")

    (entry,) = world.operations
    assert (entry.request.origin.source_ref, entry.request.origin.source) == ("mine", "gm_rest")


async def test_refusals_are_errors_of_their_codes(rtm: RuntimeManagerClient) -> None:
    """What the service refuses is the error of its code, with its message."""
    await rtm.start("g", IMAGE)

    with pytest.raises(Conflict, match=r"the game runs galaxy/game:1\.4\.7"):
        await rtm.start("g", NEWER)
    with pytest.raises(SemverPatchOnly):
        await rtm.patch("g", "galaxy/game:2.0.0")
    with pytest.raises(NotFound):
        await rtm.get("never/started?")
    with pytest.raises(NotFound):
        await rtm.restart("..")
    with pytest.raises(InvalidRequest):
        await rtm.start("..", IMAGE)
    with pytest.raises(ValueError, match="empty"):
        await rtm.get("")


async def test_probes_are_understood(rtm: RuntimeManagerClient) -> None:
    """The service serves and is ready."""
    assert (await rtm.healthz()).status == "ok"
    assert (await rtm.readyz()).status == "ready"


async def test_health_is_understood(rtm: RuntimeManagerClient) -> None:
    """The health of one is that among all, also of a game without a container."""
    await rtm.start("g", IMAGE)
    assert (await rtm.health("g"),) == await rtm.health_of_all()
    await rtm.stop("g", StopReason.FINISHED)
    await rtm.cleanup("g")

    assert (await rtm.health("g"),) == await rtm.health_of_all()


async def test_operations_are_found_by_request_and_page(rtm: RuntimeManagerClient) -> None:
    """The log is searched, read page after page, and each entry is read by its id."""
    await rtm.start("g", IMAGE, request_id="mine")
    await rtm.restart("g")
    await rtm.start("g", IMAGE)
    (own,) = (await rtm.operations(OperationFilter(source_ref="mine"))).items
    everything = [each async for each in rtm.all_operations(page=1)]

    assert [each.kind for each in everything] == ["start", "restart", "start"]
    assert everything[0].error_code == "replay_no_op"
    assert await rtm.operation(own.operation_id, wait=60) == own == everything[-1]
    assert (await rtm.overview())[0].last_operation is not None
    assert (await rtm.explain("g")).summary
