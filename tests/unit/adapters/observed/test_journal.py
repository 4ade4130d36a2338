import pytest

from rtmanager.domain.errors import (
    ImagePullFailed,
    NotFound,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.operation import OperationKind
from tests.support.observed import Counted
from tests.unit.adapters.observed.conftest import Ask
from tests.unit.domain.world import IMAGE, PATCHED, World

OPERATIONS = "rtmanager.operations"
START, PATCH = OperationKind.START, OperationKind.PATCH


async def test_success_is_counted_with_its_steps_and_its_health_event(
    ask: Ask, counted: Counted
) -> None:
    """One operation is one count, one duration, and one duration for each step."""
    await ask(START, IMAGE)

    about = {"kind": "start", "source": "gm_rest", "code": "", "outcome": "success"}
    assert counted.labels(OPERATIONS) == [about]
    assert counted.by("rtmanager.operation.duration", kind="start", outcome="success") == 1
    assert counted.labels("rtmanager.step.duration") == [
        {"action": action, "result": "done"}
        for action in ("create", "obtain_image", "prepare_state", "start", "watch_gate")
    ]
    assert counted.by("rtmanager.health.events", type="container_started") == 1
    assert counted.labels("rtmanager.downtime") == []


async def test_replay_is_a_success_with_its_code(ask: Ask, counted: Counted) -> None:
    """Nothing had to be done, which a rate of operations must be able to leave out."""
    await ask(START, IMAGE)
    await ask(START, IMAGE)

    about = {"kind": "start", "source": "gm_rest", "outcome": "success"}
    assert counted.by(OPERATIONS, **about, code="replay_no_op") == 1
    assert counted.by("rtmanager.operation.duration", kind="start", outcome="success") == 1


async def test_refusal_and_failure_are_counted_by_code(
    ask: Ask, world: World, counted: Counted
) -> None:
    """The code distinguishes faults of callers from ours."""
    with pytest.raises(NotFound):
        await ask(PATCH, PATCHED)
    world.manager.on("host.pull", ImagePullFailed())
    with pytest.raises(ImagePullFailed):
        await ask(START, "galaxy/game:9.9.9")

    assert [(each["code"], each["outcome"]) for each in counted.labels(OPERATIONS)] == [
        ("image_pull_failed", "failure"),
        ("not_found", "failure"),
    ]


async def test_downtime_of_a_patch_is_measured(ask: Ask, counted: Counted) -> None:
    """A patch takes the engine off its endpoint for a while."""
    await ask(START, IMAGE)
    await ask(PATCH, PATCHED)

    assert counted.by("rtmanager.downtime", kind="patch") == 1


async def test_outcome_is_counted_once_although_its_write_is_repeated(
    ask: Ask, world: World, counted: Counted
) -> None:
    """The reply to the commit is lost, and the same holder writes it again."""
    world.manager.on("store.finish:done", ServiceUnavailable())
    await ask(START, IMAGE)

    assert counted.by(OPERATIONS, kind="start", source="gm_rest", outcome="success", code="") == 1


async def test_labels_name_no_game(ask: Ask, world: World, counted: Counted) -> None:
    """The number of series is bounded, whatever is started."""
    world.manager.on("host.start", RuntimeManagerError())
    with pytest.raises(RuntimeManagerError):
        await ask(START, IMAGE)

    found = counted.labels(OPERATIONS)
    assert found
    assert all(set(each) == {"kind", "source", "outcome", "code"} for each in found)
