"""Successive jobs of one game, handed over together, end as if each had come alone."""

from collections import Counter
from collections.abc import Sequence

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.ports.job_stream import JobEntry
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import unavailable
from tests.unit.domain.messaging.job_desk import JobDesk
from tests.unit.domain.world import BROKEN, GAME, OTHER, Killed, Process

REPLAY = ("success", "replay_no_op")


@pytest.fixture
async def desk() -> JobDesk:
    """Return streams, and a game that runs."""
    desk = JobDesk()
    await desk.world.manager.start()
    return desk


def answers(desk: JobDesk) -> list[tuple[str, str]]:
    """Return outcome and error code of every result, in the order of the jobs."""
    assert [each for each, _, _ in desk.outcomes] == [
        f"{number}-0" for number in range(1, len(desk.outcomes) + 1)
    ]
    return [(outcome, code) for _, outcome, code in desk.outcomes]


async def handle_all(handler: HandleJob, entries: Sequence[JobEntry]) -> list[int]:
    """Hand the entries over until all are handled; return how many were handled each time."""
    handled = []
    while entries:
        handled.append(await handler.run(entries))
        entries = entries[handled[-1] :]
    return handled


def calls_since(process: Process, before: int) -> Counter[str]:
    """Return how often each port was called."""
    return Counter(each for each in process.calls[before:] if not each.endswith(":done"))


async def test_replays_cost_one_call_of_each_kind_together(desk: JobDesk) -> None:
    """One lease, one read, one observation, one transaction and one acknowledgement for all."""
    entries, manager = [await desk.start() for _ in range(5)], desk.world.manager
    before = len(manager.calls)

    assert await desk.handler().run(entries) == 5

    assert calls_since(manager, before) == {
        "lease.acquire": 1,
        "records.get": 1,
        "host.inspect": 1,
        "store.begin": 1,
        "lease.release": 1,
        "jobs.acknowledge": 1,
    }
    assert answers(desk) == [REPLAY] * 5
    assert list(desk.pending) == []


async def test_each_job_has_its_own_row_and_log_line(
    desk: JobDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Jobs that are decided together are still operations of their own."""
    entries = [await desk.start(), await desk.start(image=OTHER), await desk.start()]
    caplog.set_level("INFO")
    caplog.clear()

    await desk.handler().run(entries)

    lines = [vars(each) for each in caplog.records if each.message == "operation_finished"]
    rows = desk.world.operations[1:]
    assert [each["source_ref"] for each in lines] == [each.entry_id for each in entries]
    assert [each["outcome"] for each in lines] == ["success", "failure", "success"]
    assert [each["operation_id"] for each in lines] == [each.id for each in rows]
    assert [each.request.origin.source_ref for each in rows] == [each.entry_id for each in entries]


async def test_refusals_have_their_answers_among_the_replays(desk: JobDesk) -> None:
    """A refusal is written like a replay, and the next job does not wait."""
    images = (None, OTHER, "Not An Image", None)
    entries = [await (desk.start(image=image) if image else desk.start()) for image in images]

    assert await desk.handler().run(entries) == 4

    conflict, invalid = ("failure", "conflict"), ("failure", "start_config_invalid")
    assert answers(desk) == [REPLAY, conflict, invalid, REPLAY]


async def test_refusals_are_known_to_be_written(desk: JobDesk) -> None:
    """Nobody has to look for the outcome of what was decided in one transaction."""
    entries = [await desk.start(image=OTHER) for _ in range(3)]
    before = len(desk.world.manager.calls)

    await desk.handler().run(entries)

    assert "store.find_by_job" not in desk.world.manager.calls[before:]


async def test_work_ends_what_is_decided_together(desk: JobDesk) -> None:
    """What comes after a job that does something is decided by what is there then."""
    entries = [
        *(await desk.start(), await desk.stop(), await desk.stop()),
        *(await desk.start(), await desk.start()),
    ]

    assert await handle_all(desk.handler(), entries) == [2, 1, 1, 1]

    assert answers(desk) == [REPLAY, ("success", ""), REPLAY, ("success", ""), REPLAY]
    results = desk.results
    assert results[0]["container_id"] != results[3]["container_id"]
    assert results[3]["container_id"] == results[4]["container_id"]


async def test_work_releases_the_lease_before_the_next_job(desk: JobDesk) -> None:
    """A request by REST gets its turn between two jobs that take long."""
    entries = [await desk.stop(), await desk.start(), await desk.stop()]
    before = len(desk.world.manager.calls)

    await handle_all(desk.handler(), entries)

    assert calls_since(desk.world.manager, before)["lease.acquire"] == 3


async def test_failed_work_does_not_fail_the_next_job(desk: JobDesk) -> None:
    """Each job has the outcome of its own operation."""
    entries = [await desk.stop(), await desk.start(image=BROKEN), await desk.start()]

    assert await handle_all(desk.handler(), entries) == [1, 1, 1]

    failed = ("failure", "container_start_failed")
    assert answers(desk) == [("success", ""), failed, ("success", "")]
    assert desk.world.record is not None
    assert desk.world.record.status is RuntimeStatus.RUNNING


async def test_malformed_job_keeps_its_place(desk: JobDesk) -> None:
    """Results come in the order of the entries, whatever is wrong with one of them."""
    entries = [await desk.start(), await desk.malformed(), await desk.start()]

    assert await handle_all(desk.handler(), entries) == [1, 1, 1]

    assert answers(desk) == [REPLAY, ("failure", "invalid_request"), REPLAY]
    assert [each.entry for each in desk.streams.dead] == [entries[1]]


async def test_observation_that_failed_counts_for_one_job(desk: JobDesk) -> None:
    """One call that Docker did not answer is one job's refusal, as if it had come alone."""
    entries = [await desk.start() for _ in range(3)]
    desk.world.manager.on("host.inspect", unavailable())

    assert await handle_all(desk.handler(), entries) == [1, 2]

    assert answers(desk) == [("failure", "docker_unavailable"), REPLAY, REPLAY]


async def test_busy_game_refuses_one_job_at_a_time(desk: JobDesk) -> None:
    """The next job waits as long again: the game may be free by then."""
    entries = [await desk.start() for _ in range(3)]
    async with desk.world.process().leases.hold(GAME, wait=0):
        assert await desk.handler().run(entries) == 1

    assert await desk.handler().run(entries[1:]) == 2
    assert answers(desk) == [("failure", "conflict"), REPLAY, REPLAY]


async def test_jobs_whose_acknowledgement_was_lost_are_answered_once(desk: JobDesk) -> None:
    """Those that come again are only acknowledged, and those that are new are run."""
    entries = [await desk.start() for _ in range(3)]
    desk.world.manager.on("jobs.acknowledge", ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run(entries)
    later = [*entries[1:], await desk.start(), await desk.stop(), await desk.start()]

    assert await handle_all(desk.handler(), later) == [4, 1]

    assert answers(desk) == [REPLAY] * 4 + [("success", "")] * 2
    assert list(desk.pending) == [entries[0]]


async def test_job_that_comes_again_after_work_is_not_run_again(desk: JobDesk) -> None:
    """A start that is done stays done, although the game has stopped since."""
    entries = [await desk.start(), await desk.stop()]
    await desk.handler().run(entries)

    assert await desk.handler().run([*entries, await desk.stop()]) == 3

    assert answers(desk) == [REPLAY, ("success", ""), REPLAY]
    assert len(desk.world.operations) == 4


async def test_job_without_an_outcome_leaves_those_before_it_done(desk: JobDesk) -> None:
    """What is recorded is acknowledged, and the job that stays open is the first next time."""
    entries = [await desk.start(), await desk.stop()]
    desk.world.manager.on("store.finish", ServiceUnavailable(), always=True)

    assert await desk.handler().run(entries) == 1

    assert list(desk.pending) == [entries[1]]
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run(entries[1:])
    await desk.handler(desk.world.process()).run(entries[1:])
    assert answers(desk) == [REPLAY, ("success", "")]
    assert list(desk.pending) == []


async def test_nothing_is_acknowledged_before_it_is_written(desk: JobDesk) -> None:
    """A transaction that fails leaves every job pending."""
    entries = [await desk.start() for _ in range(3)]
    desk.world.manager.on("store.begin", ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        await desk.handler().run(entries)

    assert list(desk.pending) == entries
    assert desk.outcomes == []


async def jobs_of_all_kinds(desk: JobDesk) -> list[JobEntry]:
    """Add replays, refusals and work, in turn."""
    return [
        *(await desk.start(), await desk.start(image=OTHER), await desk.stop()),
        *(await desk.stop(), await desk.start(), await desk.start()),
    ]


async def test_process_killed_anywhere_among_the_jobs_answers_each_once() -> None:
    """The next process acknowledges what is recorded and runs the rest, in order."""
    killed, index = True, 0
    while killed:
        desk = JobDesk()
        await desk.world.manager.start()
        entries, manager = await jobs_of_all_kinds(desk), desk.world.manager
        manager.kill_at(len(manager.calls) + index)
        try:
            await handle_all(desk.handler(), entries)
            killed = False
        except Killed:
            manager.lease_connection.abandon()
            desk.world.after_the_lease()
            await handle_all(desk.handler(desk.world.process()), list(desk.pending))

        assert answers(desk) == [
            *(REPLAY, ("failure", "conflict"), ("success", "")),
            *(REPLAY, ("success", ""), REPLAY),
        ], index
        assert list(desk.pending) == []
        index += 1
    assert index > 40
