import asyncio

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging.handle_job import LEASE_WAIT, LINES_AT_ONCE
from rtmanager.domain.operation import OpSource, Origin
from rtmanager.domain.ports.job_stream import JobEntry, JobKind
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import unavailable
from tests.unit.domain.messaging.job_desk import JobDesk
from tests.unit.domain.world import BROKEN, GAME, OTHER, Hang, Killed
from tests.unit.workers.turns import turns


@pytest.fixture
def desk() -> JobDesk:
    """Return streams without jobs."""
    return JobDesk()


async def test_start_job_starts_the_game(desk: JobDesk) -> None:
    """A start job has one result with container and endpoint, and is acknowledged."""
    entry = await desk.start()

    await desk.handler().run([entry])

    record = desk.world.record
    assert record is not None
    (result,) = desk.results
    assert (result["job_id"], result["op_kind"], result["outcome"]) == ("1-0", "start", "success")
    assert result["container_id"] == record.current_container_id
    assert result["engine_endpoint"] == record.engine_endpoint
    assert list(desk.pending) == []


async def test_job_is_logged_as_the_lobbys(desk: JobDesk) -> None:
    """The operation log names the Lobby as the source."""
    await desk.handler().run([await desk.start()])

    assert desk.world.last.request.origin == Origin(OpSource.LOBBY_STREAM, "1-0")


async def test_stop_job_stops_the_game(desk: JobDesk) -> None:
    """A stop job runs the same use case as a stop by REST."""
    await desk.handler().run([await desk.start()])
    await desk.handler().run([await desk.stop()])

    assert desk.world.record is not None
    assert desk.world.record.status is RuntimeStatus.STOPPED
    assert desk.outcomes == [("1-0", "success", ""), ("2-0", "success", "")]


async def test_job_that_changes_nothing_is_a_replay(desk: JobDesk) -> None:
    """A second job for the same image succeeds as a replay."""
    for _ in range(2):
        await desk.handler().run([await desk.start()])

    assert desk.outcomes == [("1-0", "success", ""), ("2-0", "success", "replay_no_op")]
    assert desk.results[0]["container_id"] == desk.results[1]["container_id"]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (BROKEN, "container_start_failed"),
        ("galaxy/game:9.9.9", "image_pull_failed"),
        ("Not An Image", "start_config_invalid"),
    ],
)
async def test_job_that_fails_is_answered_and_done(desk: JobDesk, image: str, code: str) -> None:
    """A failure is a result like any other."""
    await desk.handler().run([await desk.start(image=image)])

    assert desk.outcomes == [("1-0", "failure", code)]
    assert list(desk.pending) == []
    assert list(desk.streams.dead) == []


async def test_job_that_is_refused_is_answered_and_done(desk: JobDesk) -> None:
    """A refused job gets its error as the result."""
    await desk.handler().run([await desk.start()])
    await desk.handler().run([await desk.start(image=OTHER)])
    await desk.handler().run([await desk.stop("g2")])

    assert desk.outcomes[1:] == [("2-0", "failure", "conflict"), ("3-0", "failure", "not_found")]
    assert list(desk.pending) == []


async def test_finished_job_that_comes_again_is_only_acknowledged(desk: JobDesk) -> None:
    """A job whose acknowledgement was lost gets no second result."""
    entry = await desk.start()
    desk.world.manager.on("jobs.acknowledge", ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run([entry])

    await desk.handler().run([entry])

    assert desk.outcomes == [("1-0", "success", "")]
    assert len(desk.world.operations) == 1
    assert list(desk.pending) == []


async def test_finished_start_that_comes_again_after_a_stop_starts_nothing(desk: JobDesk) -> None:
    """The operation log decides whether a job is done, not the present record."""
    start = await desk.start()
    await desk.handler().run([start])
    await desk.handler().run([await desk.stop()])

    await desk.handler().run([start])

    assert desk.world.record is not None
    assert desk.world.record.status is RuntimeStatus.STOPPED
    assert len(desk.results) == 2


async def test_entry_ids_of_the_two_streams_are_different_jobs(desk: JobDesk) -> None:
    """Redis may give entries of both streams the same id within one millisecond."""
    start, stop = await desk.start(), await desk.stop()
    twin = JobEntry(JobKind.STOP, start.entry_id, stop.job)

    await desk.handler().run([start])
    await desk.handler().run([twin])

    assert [(each["job_id"], each["op_kind"]) for each in desk.results] == [
        ("1-0", "start"),
        ("1-0", "stop"),
    ]


async def test_job_that_was_never_recorded_stays(desk: JobDesk) -> None:
    """A job that Postgres could not record stays pending and is handled later."""
    entry = await desk.start()
    desk.world.manager.on("store.begin", ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        await desk.handler().run([entry])

    assert list(desk.pending) == [entry]
    await desk.handler().run([entry])
    assert desk.outcomes == [("1-0", "success", "")]


async def test_job_whose_outcome_was_lost_is_resumed(desk: JobDesk) -> None:
    """The open operation is resumed by the job's next delivery, with one result."""
    entry = await desk.start()
    desk.world.manager.on("store.finish", ServiceUnavailable(), always=True)
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run([entry])

    await desk.handler(desk.world.process()).run([entry])

    assert desk.outcomes == [("1-0", "success", "")]
    assert list(desk.pending) == []


async def calls_of_a_start() -> int:
    """Return the number of calls that a start job makes."""
    desk = JobDesk()
    entry = await desk.start()
    before = len(desk.world.manager.calls)
    await desk.handler().run([entry])
    return len(desk.world.manager.calls) - before


async def test_job_killed_anywhere_has_one_result(desk: JobDesk) -> None:
    """The next process finds the job recorded, open or unknown, and finishes it exactly once."""
    total = await calls_of_a_start()
    for index in range(total):
        desk = JobDesk()
        entry = await desk.start()
        desk.world.manager.kill_at(index)
        with pytest.raises(Killed):
            await desk.handler().run([entry])
        desk.world.manager.lease_connection.abandon()
        desk.world.after_the_lease()
        successor = desk.world.process()

        if entry in desk.pending:
            await desk.handler(successor).run([entry])

        assert [each["job_id"] for each in desk.results] == ["1-0"], index
        assert list(desk.pending) == []
    assert total > 20


async def test_malformed_job_is_answered_and_dead_lettered(desk: JobDesk) -> None:
    """The Lobby gets the fault as the result, and the entry is kept for people to inspect."""
    entry = await desk.malformed()

    await desk.handler().run([entry])

    (result,) = desk.results
    assert (result["outcome"], result["error_code"]) == ("failure", "invalid_request")
    assert result["error_message"] == "image_ref is missing"
    assert [(each.entry, each.fault) for each in desk.streams.dead] == [
        (entry, "image_ref is missing")
    ]
    assert list(desk.pending) == []


async def test_malformed_job_without_a_game_is_only_dead_lettered(desk: JobDesk) -> None:
    """Without a game id there is no result to write."""
    await desk.handler().run([await desk.malformed(None)])

    assert desk.results == []
    assert len(desk.streams.dead) == 1
    assert list(desk.pending) == []


@pytest.mark.parametrize(
    ("game", "logged"),
    [(GAME, GAME), (None, None), ("\x1b[31m" + "x" * 100_000, "\\x1b[31m" + "x" * 1991 + "…")],
)
async def test_malformed_job_is_logged(
    desk: JobDesk, caplog: pytest.LogCaptureFixture, game: str | None, logged: str | None
) -> None:
    """One warning says which entry is wrong, and quotes no text of any length."""
    await desk.handler().run([await desk.malformed(game)])

    (record,) = [each for each in caplog.records if each.message == "job_refused"]
    written = vars(record)
    assert record.levelname == "WARNING"
    assert (written["kind"], written["source"], written["source_ref"]) == (
        "start",
        "lobby_stream",
        "1-0",
    )
    assert (written["error_code"], written["error"]) == ("invalid_request", "image_ref is missing")
    assert written["game_id"] == logged


async def test_malformed_job_that_comes_again_is_logged_once(
    desk: JobDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged when it is done, like an operation."""
    entry = await desk.malformed()
    desk.world.manager.on("jobs.dead_letter", ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run([entry])

    await desk.handler().run([entry])

    assert [each.message for each in caplog.records].count("job_refused") == 1


async def test_flood_of_malformed_jobs_is_a_few_lines(
    desk: JobDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """Every entry is dead-lettered; the next line has the number of those without one."""
    handler = desk.handler()
    for _ in range(LINES_AT_ONCE + 5):
        await handler.run([await desk.malformed()])
    at_once = [each.message for each in caplog.records].count("job_refused")
    desk.world.clock.advance(60.0)
    await handler.run([await desk.malformed()])

    last = [each for each in caplog.records if each.message == "job_refused"][-1]
    assert at_once == LINES_AT_ONCE
    assert vars(last)["unlogged"] == 5
    assert len(desk.streams.dead) == LINES_AT_ONCE + 6


async def test_malformed_job_writes_no_intent(desk: JobDesk) -> None:
    """A malformed job is not a failed start, so no intent is written."""
    await desk.handler().run([await desk.malformed()])

    assert len(desk.world.store.outbox) == 1


@pytest.mark.parametrize("call", ["jobs.dead_letter", "jobs.dead_letter:done", "store.refuse:done"])
async def test_malformed_job_that_comes_again_is_answered_once(desk: JobDesk, call: str) -> None:
    """It has one result and one dead letter, whatever was lost the first time."""
    entry = await desk.malformed()
    desk.world.manager.on(call, ServiceUnavailable())
    with pytest.raises(ServiceUnavailable):
        await desk.handler().run([entry])

    await desk.handler().run([entry])

    assert len(desk.results) == 1
    assert len(desk.streams.dead) == 1
    assert list(desk.pending) == []


async def test_game_id_that_no_game_can_have_is_malformed(desk: JobDesk) -> None:
    """An id that cannot name a container, a host and a directory is a fault."""
    await desk.handler().run([await desk.start("../etc")])

    (result,) = desk.results
    assert (result["game_id"], result["error_code"]) == ("../etc", "invalid_request")
    assert result["error_message"].startswith("game_id is not 1 to 51 characters")
    assert len(desk.streams.dead) == 1


async def test_job_cut_off_by_a_shutdown_ends_in_success(desk: JobDesk) -> None:
    """A job that outlasts the shutdown limit is resumed by another process and does not fail."""
    entry, hang = await desk.start(), Hang()
    desk.world.manager.on("host.create", hang)
    handling = asyncio.create_task(desk.handler().run([entry]))
    await hang.reached.wait()
    await desk.world.manager.shut_down()
    with pytest.raises(asyncio.CancelledError):
        await handling
    assert (desk.results, list(desk.pending)) == ([], [entry])

    await desk.handler(desk.world.process()).run([entry])

    assert desk.outcomes == [("1-0", "success", "")]
    assert desk.world.last.details.get("lost_processes") is None
    assert list(desk.pending) == []


async def test_job_that_is_resumed_by_others_is_only_acknowledged(desk: JobDesk) -> None:
    """A job that the reconciler has resumed gets no second result."""
    entry = await desk.start()
    desk.world.manager.on("host.create", desk.world.manager.die)
    with pytest.raises(Killed):
        await desk.handler().run([entry])
    desk.world.manager.lease_connection.abandon()
    desk.world.after_the_lease()
    successor = desk.world.process()
    await successor.resume()

    await desk.handler(successor).run([entry])

    assert desk.outcomes == [("1-0", "success", "")]
    assert len(desk.world.operations) == 1


async def test_job_waits_five_minutes_for_others_on_its_game(desk: JobDesk) -> None:
    """A job waits far longer than a REST request, because nobody waits for its reply."""
    clock, entry = desk.world.clock, await desk.start()
    async with desk.world.process().leases.hold(GAME, wait=0):
        handling = asyncio.create_task(desk.handler().run([entry]))
        await turns(50)  # let it begin to wait
        await clock.sleep(LEASE_WAIT - 1 - clock.monotonic())
        assert desk.results == []
    await handling

    assert desk.outcomes == [("1-0", "success", "")]


async def test_job_whose_game_is_busy_for_longer_is_refused(desk: JobDesk) -> None:
    """After five minutes the job is answered with the refusal."""
    entry = await desk.start()
    async with desk.world.process().leases.hold(GAME, wait=0):
        await desk.handler().run([entry])

    assert desk.world.clock.monotonic() == pytest.approx(300.0)
    assert desk.outcomes == [("1-0", "failure", "conflict")]
    assert list(desk.pending) == []


async def test_job_that_fails_to_reach_docker_once_is_resumed_at_once(desk: JobDesk) -> None:
    """After one timeout of Docker the operation is resumed within the same delivery."""
    await desk.handler().run([await desk.start()])
    desk.world.manager.on("host.stop", unavailable())
    handling = desk.handler().run([await desk.stop()])

    (answer,) = await asyncio.gather(handling, return_exceptions=True)

    assert answer == 1
    assert desk.outcomes[1:] == [("2-0", "success", "")]
    assert list(desk.pending) == []
