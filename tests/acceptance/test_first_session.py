"""The first session of a newcomer, step by step, and what it leaves in Postgres."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.first_session import Session, run_session
from tests.support.calls import error, message, ok
from tests.support.environment import Environment, new_game, remove_games


@pytest.fixture(scope="module")
def session(environment: Environment, docker_api: Any) -> Iterator[Session]:
    """Run the session once and return what was observed."""
    game = new_game()
    yield run_session(environment, game)
    remove_games(docker_api, [game])


def test_start_makes_the_container_of_the_contract(session: Session) -> None:
    """A start returns the record of a container with the agreed name, network and sandbox."""
    record, seen = ok(session["start"].answer), session["start"].container
    name = f"galaxy-game-{session.game}"
    assert seen is not None
    host, labels = seen["HostConfig"], seen["Config"]["Labels"]

    assert record["current_container_id"] == seen["Id"]
    assert (seen["Name"], seen["Config"]["Hostname"]) == (f"/{name}", name)
    assert record["engine_endpoint"] == f"http://{name}:8080"
    assert list(seen["NetworkSettings"]["Networks"]) == [session.environment.network]
    assert (host["PortBindings"] or {}, host["PublishAllPorts"]) == ({}, False)
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (10**9, 512 << 20, 512)
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Init"], host["Privileged"], host["ReadonlyRootfs"]) == (True, False, False)
    assert host["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    logs = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["LogConfig"] == logs
    ours = {key: value for key, value in labels.items() if key.startswith("com.galaxy.")}
    assert ours.pop("com.galaxy.demo.content")
    assert int(ours.pop("com.galaxy.started_at_ms")) > 0
    assert ours == {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": session.game,
        "com.galaxy.installation": session.environment.installation,
        "com.galaxy.engine_image_ref": "galaxy/game:1.4.7",
        "com.galaxy.op_id": str(session.operation("start")["id"]),
    }


def test_start_gives_the_engine_its_state_directory(session: Session) -> None:
    """The game's directory is mounted where both variables of the engine say, and belongs to it."""
    seen = session["start"].container
    assert seen is not None
    directory = session.environment.state(session.game)
    (mount,) = seen["Mounts"]

    assert (mount["Type"], mount["RW"]) == ("bind", True)
    assert (mount["Source"], mount["Destination"]) == (str(directory), "/var/lib/galaxy-game")
    for name in ("GAME_STATE_PATH", "STORAGE_PATH"):
        assert f"{name}=/var/lib/galaxy-game" in seen["Config"]["Env"]
    assert ok(session["start"].answer)["state_path"] == str(directory)
    assert directory.stat().st_mode & 0o7777 == 0o750


def test_started_engine_answers_by_container_address(session: Session) -> None:
    """After a start the engine's healthz answers, from the image that was asked for."""
    health = session["start"].health

    assert health is not None
    assert (health["status"], health["version"], health["starts"]) == ("ok", "1.4.7", 1)


def test_start_again_is_a_replay(session: Session) -> None:
    """An equal start returns the unchanged record and is logged as a replay."""
    row = session.operation("start again")

    assert ok(session["start again"].answer) == ok(session["start"].answer)
    assert (row["outcome"], row["error_code"], row["steps"]) == ("success", "replay_no_op", [])


def test_start_of_another_image_conflicts(session: Session) -> None:
    """A running game is not started with another image, and keeps running as it was."""
    assert error(session["start another image"].answer) == (409, "conflict")
    assert session["start another image"].container == session["start"].container


def test_patch_replaces_the_container_and_keeps_the_rest(session: Session) -> None:
    """A patch gives a new container; endpoint, state and creation date stay."""
    before, after = ok(session["start"].answer), ok(session["patch"].answer)
    health = session["patch"].health

    assert after["current_container_id"] != before["current_container_id"]
    assert after["current_image_ref"] == "galaxy/game:1.4.8"
    same = ("engine_endpoint", "state_path", "created_at", "docker_network")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert health is not None
    assert (health["version"], health["starts"]) == ("1.4.8", 2)


def test_patch_to_another_minor_is_refused(session: Session) -> None:
    """Only the patch level may change; any other patch touches nothing."""
    assert error(session["patch to another minor"].answer) == (409, "semver_patch_only")
    assert session["patch to another minor"].container == session["patch"].container


def test_patch_to_a_broken_engine_brings_the_previous_one_back(session: Session) -> None:
    """A failed patch reports why, and what runs now: the previous container, which serves again."""
    moment, before = session["patch to a broken one"], session["patch"]
    said = message(moment.answer)
    assert moment.container is not None
    assert before.container is not None
    assert moment.health is not None

    assert error(moment.answer) == (500, "container_start_failed")
    assert "exited with code 3" in said
    assert "galaxy/game:1.4.8 runs" in said
    assert moment.container["Id"] == before.container["Id"]
    assert moment.container["Name"] == before.container["Name"]
    assert (moment.health["version"], moment.health["starts"]) == ("1.4.8", 3)


def test_restart_runs_the_same_image_in_a_new_container(session: Session) -> None:
    """A restart changes the container alone."""
    before, after = ok(session["patch"].answer), ok(session["restart"].answer)
    health = session["restart"].health

    assert after["current_container_id"] != before["current_container_id"]
    assert after["current_image_ref"] == before["current_image_ref"]
    assert health is not None
    assert (health["version"], health["starts"]) == ("1.4.8", 4)


def test_stop_keeps_the_container_and_the_state(session: Session) -> None:
    """A stopped game keeps its container, which has exited, and its state directory."""
    record, container = ok(session["stop"].answer), session["stop"].container
    assert container is not None

    assert (record["status"], record["current_container_id"]) == ("stopped", container["Id"])
    assert container["State"]["Status"] == "exited"
    assert session["stop"].starts == "4"
    assert session.operation("stop")["reason"] == "finished"


def test_stop_again_is_a_replay(session: Session) -> None:
    """A second stop returns the unchanged record."""
    assert ok(session["stop again"].answer) == ok(session["stop"].answer)
    assert session.operation("stop again")["error_code"] == "replay_no_op"


def test_clean_up_removes_the_container_alone(session: Session) -> None:
    """The container is removed, also from the record; the state directory stays."""
    record = ok(session["clean up"].answer)
    gone = ("current_container_id", "current_image_ref", "engine_endpoint")

    assert session["clean up"].container is None
    assert record["status"] == "removed"
    assert [record[name] for name in gone] == [None, None, None]
    assert session["clean up"].starts == "4"


def test_clean_up_again_is_a_replay(session: Session) -> None:
    """A second cleanup returns the unchanged record."""
    assert ok(session["clean up again"].answer) == ok(session["clean up"].answer)
    assert session.operation("clean up again")["error_code"] == "replay_no_op"


def test_start_after_cleanup_keeps_state_and_creation_date(session: Session) -> None:
    """A removed game starts again with its old state."""
    observed = session["start after cleanup"]
    record, health = ok(observed.answer), observed.health

    assert record["status"] == "running"
    assert record["created_at"] == ok(session["start"].answer)["created_at"]
    assert record["started_at"] > record["created_at"]
    assert health is not None
    assert (health["version"], health["starts"]) == ("1.4.7", 5)


def test_every_step_leaves_one_finished_operation(session: Session) -> None:
    """Each request has one row, in order, with its source, its kind and its outcome."""
    rows = session.environment.operations(session.game)
    fences = [row["id"] for row in rows]

    assert [(row["kind"], row["outcome"], row["error_code"]) for row in rows] == [
        ("start", "success", None),
        ("start", "success", "replay_no_op"),
        ("start", "failure", "conflict"),
        ("patch", "success", None),
        ("patch", "failure", "semver_patch_only"),
        ("patch", "failure", "container_start_failed"),
        ("restart", "success", None),
        ("stop", "success", None),
        ("stop", "success", "replay_no_op"),
        ("cleanup_container", "success", None),
        ("cleanup_container", "success", "replay_no_op"),
        ("start", "success", None),
    ]
    assert fences == sorted(set(fences))
    assert {(row["source"], row["source_ref"]) for row in rows} == {("gm_rest", "first-session")}
    assert all(row["finished_at"] >= row["started_at"] for row in rows)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("start", ["create", "start", "watch_gate"]),
        ("patch", ["park", "stop", "create", "start", "watch_gate"]),
        ("patch to a broken one", ["create", "watch_gate", "remove", "unpark"]),
        ("stop", ["stop"]),
        ("clean up", ["remove"]),
    ],
)
def test_operations_record_their_steps(session: Session, step: str, expected: list[str]) -> None:
    """The operation's row lists the steps of the work in Docker, each with its duration."""
    steps = session.operation(step)["steps"]
    names = [each["name"] for each in steps]

    assert [name for name in names if name in expected] == expected
    assert all(each["duration_ms"] >= 0 for each in steps)


def test_restart_and_patch_record_how_long_the_endpoint_was_down(session: Session) -> None:
    """Every replacement of a running engine records its downtime."""
    for step in ("patch", "restart"):
        assert 0 < session.operation(step)["details"]["downtime_ms"] < 10_000


def test_record_carries_the_fence_of_its_last_change(session: Session) -> None:
    """The record was last written by the last operation."""
    statement = "SELECT last_fence FROM runtime_records WHERE game_id = %s"

    (record,) = session.environment.rows(statement, session.game)

    assert record["last_fence"] == session.operation("start after cleanup")["id"]


def test_outbox_reports_every_started_container(session: Session) -> None:
    """Start, patch, restart and the second start each report their container."""
    sent = [row["fields"] for row in session.environment.outbox(session.game)]
    begun = [
        ok(session[step].answer)["current_container_id"]
        for step in ("start", "patch", "restart", "start after cleanup")
    ]
    started = [each for each in sent if each.get("event_type") == "container_started"]

    assert [each["container_id"] for each in started] == begun
    assert [json.loads(each["details"])["image_ref"][-5:] for each in started] == [
        "1.4.7",
        "1.4.8",
        "1.4.8",
        "1.4.7",
    ]
