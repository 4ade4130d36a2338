from dataclasses import replace

import pytest

from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    DockerUnavailable,
    ErrorCode,
    ImagePullFailed,
    RuntimeManagerError,
    StartConfigInvalid,
)
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import OperationKind, OpSource, Outcome, StepResult
from rtmanager.domain.operations.container_spec import PullPolicy
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    IMAGE,
    LAST_WORDS,
    OTHER,
    POLICY,
    Killed,
    World,
)


async def test_start_of_a_new_game_runs_its_image(world: World) -> None:
    """A start creates exactly the container that the record describes."""
    record = await world.manager.start()

    assert record == world.record
    assert record.status is RuntimeStatus.RUNNING
    assert record.current_container_id == world.engine.id
    assert record.current_image_ref == IMAGE
    assert record.image_id == world.docker.images["docker.io/galaxy/game:1.4.7"].id
    assert record.engine_endpoint == "http://galaxy-game-g1:8080"
    assert record.state_path == "/var/lib/galaxy/games/g1"
    assert world.faults() == []


async def test_start_is_in_the_operation_log_with_its_steps(world: World) -> None:
    """A start has one finished row with source, container and every step."""
    await world.manager.start()

    (row,) = world.operations
    assert (row.kind, row.outcome, row.error_code) == (OperationKind.START, Outcome.SUCCESS, None)
    assert row.request.origin.source_ref == "r1"
    assert row.request.image_ref == IMAGE
    assert row.container_id == world.engine.id
    assert [(step.action.name, step.note) for step in row.steps] == [
        ("obtain_image", "on the host"),
        ("prepare_state", "/var/lib/galaxy/games/g1"),
        ("create", world.engine.id[:12]),
        ("start", None),
        ("watch_gate", "healthy"),
    ]
    assert {step.result for step in row.steps} == {StepResult.DONE}


async def test_start_labels_the_container_with_its_fence(world: World) -> None:
    """Every container carries the id of the operation that created it."""
    await world.manager.start()

    assert world.engine.listed().fence == world.last.id
    assert world.record is not None
    assert world.record.fence == world.last.id


async def test_start_reports_that_the_engine_started(world: World) -> None:
    """A start writes container_started to the health snapshot and the outbox."""
    await world.manager.start()

    (message,) = world.store.outbox
    assert message.stream is OutboxStream.HEALTH_EVENTS
    assert message.fields["event_type"] == "container_started"
    assert message.fields["details"] == f'{{"image_ref": "{IMAGE}"}}'
    assert world.store.health_snapshots[GAME].container_id == world.engine.id


@pytest.mark.parametrize("spelling", [IMAGE, f"docker.io/{IMAGE}"])
async def test_start_of_the_running_image_is_a_replay(running: World, spelling: str) -> None:
    """Starting the running image, however spelled, changes nothing but the log."""
    before, starts = running.record, list(running.docker.starts)

    assert await running.manager.start(spelling) == before

    assert (running.last.outcome, running.last.error_code) == (
        Outcome.SUCCESS,
        ErrorCode.REPLAY_NO_OP,
    )
    assert running.record == before
    assert running.docker.starts == starts


async def test_start_of_another_image_on_a_running_game_is_a_conflict(running: World) -> None:
    """Another image on a running game is refused, and nothing is touched."""
    before = running.record

    with pytest.raises(Conflict, match="stop it first, or patch it"):
        await running.manager.start(OTHER)

    assert running.record == before
    assert running.last.error_code is ErrorCode.CONFLICT
    assert running.faults() == []


async def test_start_replaces_a_stopped_container_with_any_image(stopped: World) -> None:
    """A stopped game may be started with any image and keeps its created_at."""
    before = stopped.record
    stopped.clock.advance(10)

    record = await stopped.manager.start(OTHER)

    assert before is not None
    assert record.current_image_ref == OTHER
    assert record.current_container_id != before.current_container_id
    assert record.created_at == before.created_at < record.last_op_at
    assert stopped.faults() == []


async def test_start_of_a_removed_game_keeps_created_at(removed: World) -> None:
    """created_at is the time of the very first start."""
    before = removed.record
    removed.clock.advance(10)

    record = await removed.manager.start(OTHER)

    assert before is not None
    assert record.created_at == before.created_at
    assert removed.faults() == []


async def test_start_replaces_an_engine_that_exited(running: World) -> None:
    """A start replaces an engine that should run but has exited, and the log says so."""
    running.docker.crash(running.engine.id, exit_code=9)
    before = running.engine.id

    record = await running.manager.start(OTHER)

    assert record.current_container_id != before
    assert running.last.details["found"] == "container_exited"
    assert running.last.error_code is None
    assert running.faults() == []


async def test_start_replaces_an_engine_whose_container_vanished(
    running: World,
) -> None:
    """A start replaces an engine whose container is gone, and the log says so."""
    running.docker.vanish(running.engine.id)

    await running.manager.start()

    assert running.last.details["found"] == "container_disappeared"
    assert running.faults() == []


async def test_start_that_meets_a_loss_reports_the_loss_before_the_start(running: World) -> None:
    """The exit of the old engine comes before the start of the new one."""
    running.docker.crash(running.engine.id, exit_code=9)
    sent = len(running.store.outbox)

    await running.manager.start()

    events = [message.fields["event_type"] for message in running.store.outbox[sent:]]
    assert events == ["container_exited", "container_started"]
    assert running.store.health_snapshots[GAME].event_type == "container_started"


async def test_start_with_docker_away_on_a_running_record_is_refused(running: World) -> None:
    """Whether the engine runs is unknown, so the start is docker_unavailable."""
    before = running.record
    running.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await running.manager.start()

    running.docker.reachable = True
    assert running.record == before
    assert running.last.error_code is ErrorCode.DOCKER_UNAVAILABLE
    assert running.faults() == []


async def test_start_whose_observation_docker_refuses_is_in_the_log(running: World) -> None:
    """A refused observation is unknown too: the request gets a row, and the record stays."""
    before = running.record
    running.manager.on("host.inspect", refusal())

    with pytest.raises(RuntimeManagerError):
        await running.manager.start()

    assert running.record == before
    assert len(running.operations) == 2
    assert running.last.outcome is Outcome.FAILURE


@pytest.mark.parametrize("stored", ["sha256:a1b2c3", "a label that someone wrote\x1b[2J"])
async def test_start_on_a_game_whose_stored_image_is_no_reference_is_a_conflict(
    running: World, stored: str
) -> None:
    """An earlier release ran image ids; the message shows the text, and the way out."""
    assert running.record is not None
    running.store.runtime_records[GAME] = replace(running.record, current_image_ref=stored)

    with pytest.raises(Conflict, match="stop it first") as caught:
        await running.manager.start()

    assert caught.value.message.isprintable()


@pytest.mark.parametrize("reference", ["", "host/UPPER:1", "a b", "x" * 300, "game:1.4.7\n"])
async def test_start_with_a_malformed_reference_is_refused(world: World, reference: str) -> None:
    """A malformed reference is start_config_invalid before any call to Docker."""
    with pytest.raises(StartConfigInvalid):
        await world.manager.start(reference)

    assert world.record is None
    assert world.last.error_code is ErrorCode.START_CONFIG_INVALID
    assert not [call for call in world.manager.calls if call.startswith("host.")]


async def test_start_without_the_network_is_refused_before_anything_is_made(world: World) -> None:
    """A missing network is start_config_invalid, and the message says how to create it."""
    world.docker.networks.clear()

    with pytest.raises(StartConfigInvalid, match="docker network create galaxy-net"):
        await world.manager.start()

    assert world.record is None
    assert world.directories.directories == {}
    assert world.faults() == []


async def test_start_with_an_unusable_state_directory_is_refused(world: World) -> None:
    """An unusable state directory is found before a container is created."""
    world.directories.obstacles.add(world.directories.path(GAME))

    with pytest.raises(StartConfigInvalid):
        await world.manager.start()

    assert world.docker.containers == {}
    assert world.faults() == []


async def test_start_gives_the_state_directory_to_the_images_user(world: World) -> None:
    """Without a configured owner the directory belongs to the engine's user."""
    world.docker.add_image("galaxy/user:1.0.0", user="1001:1002")

    await world.manager.start("galaxy/user:1.0.0")

    directory = world.directories.directories["/var/lib/galaxy/games/g1"]
    assert (directory.uid, directory.gid) == (1001, 1002)


async def test_start_gives_the_state_directory_to_the_configured_owner() -> None:
    """A configured owner wins over the image's user."""
    world = World(policy=replace(POLICY, state_owner=(7, 8)))

    await world.manager.start()

    directory = world.directories.directories["/var/lib/galaxy/games/g1"]
    assert (directory.uid, directory.gid) == (7, 8)


async def test_failed_first_start_leaves_nothing_but_its_row(world: World) -> None:
    """There is no record and no container; the row has the exit code and the last output."""
    with pytest.raises(ContainerStartFailed, match=LAST_WORDS):
        await world.manager.start(BROKEN)

    assert world.record is None
    assert world.docker.containers == {}
    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert world.last.details["exit_code"] == 3
    assert world.last.details["log_tail"] == [LAST_WORDS]
    assert world.faults() == []


async def test_failed_start_writes_one_intent(world: World) -> None:
    """A failed start writes one intent, and no health event of an engine that never ran."""
    with pytest.raises(ContainerStartFailed):
        await world.manager.start(BROKEN)

    (message,) = world.store.outbox
    assert message.stream is OutboxStream.NOTIFICATION_INTENTS
    assert message.fields["type"] == "runtime.container_start_failed"


async def test_failed_start_over_a_stopped_game_brings_the_old_container_back(
    stopped: World,
) -> None:
    """The stopped container gets its name back, is not started, and the record is as it was."""
    before, starts = stopped.record, len(stopped.docker.starts)

    with pytest.raises(ContainerStartFailed, match="the game is stopped as before"):
        await stopped.manager.start(BROKEN)

    assert stopped.record == before
    assert len(stopped.docker.starts) == starts + 1, "only the broken one was started"
    assert stopped.faults() == []


async def test_failed_start_over_an_exited_engine_records_the_exit(running: World) -> None:
    """The record becomes stopped, because its engine has exited, and the loss is reported."""
    running.docker.crash(running.engine.id, exit_code=9)
    sent = len(running.store.outbox)

    with pytest.raises(ContainerStartFailed, match="the game is stopped now"):
        await running.manager.start(BROKEN)

    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    types = [message.fields.get("event_type") for message in running.store.outbox[sent:]]
    assert types == ["container_exited", None]
    assert running.faults() == []


async def test_lobby_start_owes_one_job_result(world: World) -> None:
    """A start job ends in exactly one result that names the job and the container."""
    world.source = OpSource.LOBBY_STREAM

    await world.manager.start()

    (result,) = [each for each in world.store.outbox if each.stream is OutboxStream.JOB_RESULTS]
    assert result.fields["job_id"] == "r1"
    assert result.fields["outcome"] == "success"
    assert result.fields["container_id"] == world.engine.id


async def test_what_a_registry_answers_is_in_the_row_and_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller, the result and the notification name the kind, and the row that has the rest."""
    world = World(source=OpSource.LOBBY_STREAM)
    world.docker.registry_fault = "connect: connection refused by secret.internal"
    caplog.set_level("INFO")

    with pytest.raises(ImagePullFailed) as caught:
        await world.manager.start("galaxy/game:2.0.0")

    told = "cannot pull galaxy/game:2.0.0 (not on this host): the registry cannot be reached"
    assert caught.value.message == f"{told}; the service's log has the answer, at operation 1"
    sent = [each.fields["error_message"] for each in world.store.outbox]
    assert sent == [caught.value.message] * 2
    assert world.last.error_message == caught.value.message
    assert world.last.details["error_detail"] == world.docker.registry_fault
    assert world.last.steps[-1].detail == world.docker.registry_fault
    (line,) = (each for each in caplog.records if each.message == "operation_finished")
    assert line.__dict__["error_detail"] == world.docker.registry_fault


async def test_what_a_registry_answered_survives_the_process(world: World) -> None:
    """The next holder of the operation ends it with the same words, for the same readers."""
    world.docker.registry_fault = "secret"
    world.manager.on("store.finish", world.manager.die)
    with pytest.raises(Killed):
        await world.manager.start("galaxy/game:2.0.0")
    world.after_the_lease()
    world.docker.registry_fault = ""

    await world.process().resume()

    assert world.last.details["error_detail"] == "secret"
    assert "cannot be reached" in str(world.last.error_message)
    assert "secret" not in str(world.last.error_message)


async def test_start_pulls_a_missing_image(world: World) -> None:
    """With pull policy if_missing a missing image is pulled and its id recorded."""
    image = world.docker.add_image("galaxy/game:2.0.0", in_registry=True)

    record = await world.manager.start("galaxy/game:2.0.0")

    assert world.docker.pulls == ["docker.io/galaxy/game:2.0.0"]
    assert record.image_id == image.id


async def test_start_does_not_pull_an_image_that_is_there(world: World) -> None:
    """With pull policy if_missing an image on the host is not pulled."""
    await world.manager.start()

    assert world.docker.pulls == []


async def test_start_with_policy_always_pulls_what_the_tag_means_now() -> None:
    """With pull policy always the registry's image replaces the host's."""
    world = World(policy=replace(POLICY, pull_policy=PullPolicy.ALWAYS))
    newer = world.docker.add_image(IMAGE, labels={"build": "2"}, in_registry=True)

    record = await world.manager.start()

    assert record.image_id == newer.id


async def test_start_with_policy_never_does_not_ask_the_registry() -> None:
    """With pull policy never a missing image is image_pull_failed without a pull."""
    world = World(policy=replace(POLICY, pull_policy=PullPolicy.NEVER))
    world.docker.add_image("galaxy/game:2.0.0", in_registry=True)

    with pytest.raises(ImagePullFailed, match="pull policy is never"):
        await world.manager.start("galaxy/game:2.0.0")

    assert world.docker.pulls == []
    assert world.last.error_code is ErrorCode.IMAGE_PULL_FAILED


async def test_start_with_unacceptable_limits_leaves_nothing(world: World) -> None:
    """Limits that Docker refuses are start_config_invalid, and no container remains."""
    world.docker.add_image("galaxy/greedy:1.0.0", labels={"com.galaxy.memory": "1m"})

    with pytest.raises(StartConfigInvalid, match="memory"):
        await world.manager.start("galaxy/greedy:1.0.0")

    assert world.record is None
    assert world.faults() == []


async def test_start_that_timed_out_and_took_place_is_a_success(world: World) -> None:
    """After a timeout the engine is observed, and it runs."""
    world.manager.on("host.start:done", unavailable())

    record = await world.manager.start()

    assert record.status is RuntimeStatus.RUNNING
    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_start_that_timed_out_and_did_nothing_stays_open(world: World) -> None:
    """A start that may still take effect has not failed; the next holder creates it again."""
    world.manager.on("host.start", unavailable())

    with pytest.raises(DockerUnavailable, match="stays open"):
        await world.manager.start()

    assert [each.outcome for each in world.operations] == [None]
    await world.process().resume()
    assert [each.outcome for each in world.operations] == [Outcome.SUCCESS]
    assert world.faults() == []
