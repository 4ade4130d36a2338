from dataclasses import replace

import pytest
from opentelemetry.trace import StatusCode, format_trace_id

from rtmanager.adapters.observed.tracing import OtelTracing
from rtmanager.bootstrap.use_cases import UseCases
from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError
from rtmanager.domain.operation import OperationKind
from tests.builders import make_job
from tests.support.observed import Spans
from tests.unit.adapters.observed.conftest import Ask
from tests.unit.domain.world import GAME, IMAGE, World

START = OperationKind.START


async def test_an_operation_is_a_span_with_one_child_per_step(
    ask: Ask, world: World, spans: Spans
) -> None:
    """The trace of an operation shows its steps, in order, with action, container and result."""
    await ask(START, IMAGE)
    assert world.record is not None
    operation = spans.named("operation start")
    steps = [each for each in spans.finished() if each.name.startswith("step ")]

    assert [each.attributes["rtmanager.action"] for each in steps] == [
        "obtain_image",
        "prepare_state",
        "create",
        "start",
        "watch_gate",
    ]
    assert {each.parent.span_id for each in steps} == {operation.context.span_id}
    assert {each.attributes["rtmanager.result"] for each in steps} == {"done"}
    assert steps[3].attributes["rtmanager.container_id"] == world.record.current_container_id
    assert operation.attributes["rtmanager.game_id"] == GAME
    assert operation.attributes["rtmanager.operation_id"] == world.last.id
    assert world.last.trace_id == format_trace_id(operation.context.trace_id)
    assert operation.parent is None


@pytest.mark.parametrize(
    ("error", "result"), [(DockerUnavailable(), "unknown"), (RuntimeManagerError(), "refused")]
)
async def test_a_failed_step_has_its_result_and_its_error(
    ask: Ask, world: World, spans: Spans, error: RuntimeManagerError, result: str
) -> None:
    """The span of a step says how it ended, and so does that of its operation."""
    world.manager.on("host.create", error, always=True)

    with pytest.raises(RuntimeManagerError):
        await ask(START, IMAGE)

    step = next(each for each in spans.finished() if each.name == "step create")
    assert step.attributes["rtmanager.result"] == result
    assert step.attributes["rtmanager.error_code"] == error.code
    assert step.status.status_code is StatusCode.ERROR
    assert spans.named("operation start").status.status_code is StatusCode.ERROR


async def test_what_is_kept_from_callers_is_not_in_a_span(
    ask: Ask, world: World, spans: Spans
) -> None:
    """The private detail of an error stays in the operation's row."""
    error = RuntimeManagerError("refused", detail="a secret of the registry")
    world.manager.on("host.create", error, always=True)

    with pytest.raises(RuntimeManagerError):
        await ask(START, IMAGE)

    assert all("secret" not in each.to_json() for each in spans.finished())


async def test_a_resumed_operation_links_to_the_trace_in_which_it_began(
    world: World, spans: Spans
) -> None:
    """Who resumes it has another trace; the link leads to the first."""
    await world.manager.start()
    operation = replace(world.last, trace_id=format_trace_id(0xABC))

    with OtelTracing(spans.tracer).resumption(operation):
        pass

    span = spans.named("operation start resumed")
    assert [each.context.trace_id for each in span.links] == [0xABC]
    assert span.context.trace_id != 0xABC


async def test_requests_that_are_decided_together_have_traces_of_their_own(
    cases: UseCases, ask: Ask, world: World, spans: Spans
) -> None:
    """Each row has the trace of its request; one that was not reached has no trace."""
    await ask(START, IMAGE)
    before = len(spans.finished())
    jobs = [make_job(f"{each}-0", game_id=GAME, image_ref=IMAGE) for each in range(2)]
    stop = make_job("2-0", kind=OperationKind.STOP, game_id=GAME, image_ref=None)

    await cases.operations.run_next([*jobs, stop, make_job("3-0", game_id=GAME)])

    ended = [each for each in spans.finished()[before:] if each.name.startswith("operation")]
    rows = [each for each in world.operations if each.request.origin.source != "gm_rest"]
    assert [each.attributes["rtmanager.source_ref"] for each in ended] == ["0-0", "1-0", "2-0"]
    assert [each.attributes["rtmanager.operation_id"] for each in ended] == [it.id for it in rows]
    assert [format_trace_id(each.context.trace_id) for each in ended] == [
        each.trace_id for each in rows
    ]
    assert len({each.trace_id for each in rows}) == 3
