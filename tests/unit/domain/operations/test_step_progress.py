"""How far a running step is is written into its note, and never fails its operation."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.operation import Action, ActionName, LeaseNumber, Outcome, StepResult
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.operations.step_progress import PAUSE, StepProgress
from rtmanager.domain.ports.operation_journal import Admission
from tests.builders import LEASE, NOON, make_request
from tests.support.applicants import begin_one
from tests.unit.domain.observed import held_lease, nothing_early
from tests.unit.domain.world import GAME, Hang, World
from tests.unit.workers.turns import turns

ABSENT = "galaxy/game:1.4.77"
SLOW = "galaxy/slow:1.0.0"


class Pull:
    """An operation whose pull runs, and what is written about it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = InMemoryStore()
        self.fault: Callable[[], Awaitable[None]] | None = None
        self.journal = with_faults(InMemoryOperationJournal(self.store), "store", self._called)

    async def begin(self) -> StepProgress:
        """Begin the operation and its pull."""
        request = make_request(game_id=GAME)
        begun = await begin_one(self.journal, request, lambda _: Admission())
        operation = begun.operation.acting(Action(ActionName.OBTAIN_IMAGE), at=NOON)
        context = OperationContext(
            operation=operation, record=None, lease=held_lease(), early=nothing_early()
        )
        return StepProgress(context, self.journal, self.clock)

    @property
    def note(self) -> str | None:
        """The note of the step as the log has it."""
        (operation,) = self.store.operations.values()
        return operation.steps[-1].note if operation.steps else None

    async def _called(self, call: str) -> None:
        if call == "store.save" and self.fault is not None:
            await self.fault()


@pytest.fixture
def pull() -> Pull:
    """Return an operation that has not begun."""
    return Pull()


async def unavailable() -> None:
    """Fail as the store does during an outage."""
    raise ServiceUnavailable


async def test_a_line_becomes_the_note(pull: Pull) -> None:
    """What the step says is in the log, and the operation itself does not change."""
    progress = await pull.begin()
    before = progress.context.operation

    progress.say("3 of 7 layers")
    await progress.close()

    assert pull.note == "3 of 7 layers"
    assert progress.context.operation is before


async def test_lines_are_written_once_a_second(pull: Pull) -> None:
    """What comes sooner is dropped; the next one afterwards is written."""
    progress = await pull.begin()
    notes = []

    for seconds in (0, PAUSE / 2, PAUSE / 2):
        pull.clock.advance(seconds)
        progress.say(f"at {pull.clock.monotonic():g}")
        await turns(5)
        notes.append(pull.note)

    assert notes == ["at 0", "at 0", "at 1"]


async def test_a_slow_write_is_waited_for_and_not_doubled(pull: Pull) -> None:
    """While a line is being written others are dropped; the step is answered after it."""
    progress, hang = await pull.begin(), Hang()
    pull.fault = hang
    progress.say("slow")
    await hang.reached.wait()
    pull.clock.advance(10 * PAUSE)
    progress.say("dropped")

    closing = asyncio.ensure_future(progress.close())
    await asyncio.sleep(0)
    was_closed = closing.done()
    hang.release()
    await closing

    assert not was_closed
    assert pull.note == "slow"


async def test_a_cancelled_operation_waits_for_the_write_too(pull: Pull) -> None:
    """Otherwise the late write would replace the handover that follows."""
    progress, hang = await pull.begin(), Hang()
    pull.fault = hang
    progress.say("slow")
    await hang.reached.wait()
    closing = asyncio.ensure_future(progress.close())
    await asyncio.sleep(0)

    closing.cancel()
    await asyncio.sleep(0)
    was_closed = closing.done()
    hang.release()
    await asyncio.wait([closing])

    assert not was_closed
    assert closing.cancelled()
    assert pull.note == "slow"


async def test_nothing_is_written_once_the_step_has_ended(pull: Pull) -> None:
    """The operation may have been handed over, and a write would take that back."""
    progress = await pull.begin()
    await progress.close()
    await pull.journal.hand_over(progress.context.operation, lease=LEASE)

    progress.say("late")
    await turns(5)

    assert pull.note is None
    assert pull.store.handed_over


async def test_an_outage_of_the_store_is_passed_over(pull: Pull) -> None:
    """A line that cannot be written is dropped; a later one is written."""
    progress = await pull.begin()
    pull.fault = unavailable
    progress.say("lost")
    await turns(5)
    pull.fault = None
    pull.clock.advance(PAUSE)

    progress.say("written")
    await progress.close()

    assert pull.note == "written"


async def test_nothing_is_written_without_the_lease(pull: Pull) -> None:
    """Another holder's row is left alone, whether this one knows of it or not."""
    progress = await pull.begin()
    await pull.journal.take_over(GAME, lease=LeaseNumber(LEASE + 1))

    progress.say("late")
    await progress.close()

    assert pull.note is None


async def test_progress_of_a_pull_is_in_the_log_while_it_runs(world: World) -> None:
    """Whoever reads the operation sees how far the pull is, and afterwards what was pulled."""
    world.docker.add_image(ABSENT, in_registry=True)
    hang = Hang()
    world.manager.on("host.pull:done", hang)
    starting = asyncio.ensure_future(world.manager.start(ABSENT))
    await hang.reached.wait()
    pulling = world.last.steps[-1]

    hang.release()
    await starting

    pulled = world.last.steps[0]
    assert (pulling.note, pulling.result) == (f"pulling {ABSENT}: 0 of 1 layers", None)
    assert (pulled.note, pulled.result) == (f"pulled {ABSENT}: 1 layer", StepResult.DONE)


async def test_a_pull_during_an_outage_of_the_store_goes_on(world: World) -> None:
    """Progress that cannot be written is no reason to give up a pull."""
    world.docker.add_image(ABSENT, in_registry=True)
    saves = 0

    async def second_save_fails() -> None:
        nonlocal saves
        saves += 1
        if saves == 2:
            raise ServiceUnavailable

    world.manager.on("store.save", second_save_fails, always=True)

    await world.manager.start(ABSENT)

    assert saves > 2
    assert world.last.outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("host.create", ActionName.CREATE),
        ("host.start", ActionName.START),
        ("host.inspect", ActionName.WATCH_GATE),
    ],
)
async def test_a_step_is_in_the_log_while_it_runs(
    world: World, call: str, action: ActionName
) -> None:
    """The steps that take long are written ahead, so that a reader sees them run."""
    world.image(SLOW, healthy_after=2.0)
    hang = Hang()
    world.manager.on(call, hang)
    starting = asyncio.ensure_future(world.manager.start(SLOW))
    await hang.reached.wait()
    running = world.last.steps[-1]

    hang.release()
    await starting

    assert (running.action.name, running.result) == (action, None)
