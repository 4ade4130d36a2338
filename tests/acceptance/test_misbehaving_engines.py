"""Engines that misbehave on purpose: each gets the specified answer, and leaves nothing behind."""

import time
from pathlib import Path

import pytest

from tests.support.calls import error, message, ok, wait_until
from tests.support.environment import (
    SILENT_ENGINE,
    START_GATE_SECONDS,
    STOP_GRACE_SECONDS,
    STUBBORN_ENGINE,
    Environment,
    NewEnvironment,
    Row,
)

PROBE_SECONDS = 1


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that does not wait long for an engine's answer."""
    return new_environment(probe_timeout=f"{PROBE_SECONDS}s")


def test_engine_that_exits_at_once_fails_the_start(environment: Environment, game: str) -> None:
    """The answer and the operation's row contain the exit code and the engine's last log lines."""
    answer = environment.start(game, "1.4.90-exits-at-once")
    (row,) = environment.operations(game)

    assert error(answer) == (500, "container_start_failed")
    assert "exited with code 3" in message(answer)
    assert "the turn data is unreadable" in message(answer)
    assert (row["outcome"], row["error_code"]) == ("failure", "container_start_failed")
    assert row["details"]["exit_code"] == 3
    assert row["details"]["log_tail"] == ["fatal: the turn data is unreadable"]
    environment.assert_nothing_left(game)


def test_failed_start_owes_one_notification_intent(environment: Environment, game: str) -> None:
    """A failed start notifies the other services once, with its code."""
    environment.start(game, "1.4.90-exits-at-once")

    (sent,) = environment.outbox(game)

    assert sent["stream"] == "notification_intents"
    assert sent["fields"]["type"] == "runtime.container_start_failed"
    assert sent["fields"]["game_id"] == game


def test_engine_that_exits_before_it_is_ready_fails_the_start(
    environment: Environment, game: str
) -> None:
    """A start is not reported before the engine answers, so this exit is noticed."""
    answer = environment.start(game, "1.4.90-exits-before-ready")

    assert error(answer) == (500, "container_start_failed")
    assert "is of a newer version" in message(answer)
    environment.assert_nothing_left(game)


def test_engine_that_exits_after_it_answered_is_replaced_by_a_start(
    environment: Environment, game: str
) -> None:
    """An engine that exits after its first healthy answer is reported once, and started again."""
    first = ok(environment.start(game, "1.4.90-exits-after-a-second"))
    wait_until(lambda: environment.containers(game)[0]["State"] == "exited")

    second = ok(environment.start(game, "1.4.90-exits-after-a-second"))

    assert second["current_container_id"] != first["current_container_id"]
    assert second["created_at"] == first["created_at"]
    reported = [
        row["fields"]["container_id"]
        for row in _health_events(environment, game, "container_exited")
    ]
    assert reported.count(first["current_container_id"]) == 1


def test_patch_to_an_engine_that_answers_and_dies_brings_the_old_one_back(
    environment: Environment, game: str
) -> None:
    """A patched engine must not only answer but also stay up."""
    before = ok(environment.start(game, "1.4.7"))

    answer = environment.patch(game, "1.4.90-exits-after-a-second")

    assert error(answer) == (500, "container_start_failed")
    assert ok(environment.get(game))["current_container_id"] == before["current_container_id"]
    environment.assert_runs(game, "1.4.7")


@pytest.mark.parametrize("version", ["1.4.90-never-answers", SILENT_ENGINE])
def test_engine_that_never_answers_is_started_all_the_same(
    environment: Environment, game: str, version: str
) -> None:
    """A start succeeds if the engine still runs when the gate times out, and its row says so."""
    ok(environment.start(game, version))
    (row,) = environment.operations(game)
    (gate,) = [step for step in row["steps"] if step["name"] == "watch_gate"]
    seconds = gate["duration_ms"] / 1000

    # A probe under way at the timeout is awaited, and one last probe is sent then.
    assert START_GATE_SECONDS <= seconds < START_GATE_SECONDS + 2 * PROBE_SECONDS + 1
    assert (row["outcome"], row["details"]["healthy"]) == ("success", False)
    assert gate["note"].startswith("the engine runs, but has not answered /healthz within ")
    environment.assert_runs(game, version)


def test_trap_gate_does_not_block_a_fix(environment: Environment, game: str) -> None:
    """An engine that is unhealthy before a patch is patched without a gate."""
    ok(environment.start(game, "1.4.7"))
    (environment.state(game) / "unhealthy").touch()
    assert environment.health(game).status_code == 503

    ok(environment.patch(game, "1.4.8"))
    row = environment.operations(game)[-1]

    assert (row["outcome"], row["details"]["healthy"]) == ("success", False)
    assert "patched without a health gate" in str(row["steps"])
    environment.assert_runs(game, "1.4.8")


def test_engine_that_ignores_sigterm_stops_in_time(environment: Environment, game: str) -> None:
    """A stop takes the configured grace period at most and then kills the engine."""
    ok(environment.start(game, STUBBORN_ENGINE))

    began = time.monotonic()
    record = ok(environment.stop(game))
    seconds = time.monotonic() - began

    assert STOP_GRACE_SECONDS <= seconds < STOP_GRACE_SECONDS + 3
    assert record["status"] == "stopped"
    assert environment.containers(game)[0]["State"] == "exited"
    details = environment.operations(game)[-1]["details"]
    assert details["found"] == "exit code 137"
    assert (details["exit"]["exit_code"], details["exit"]["is_overdue"]) == (137, True)


@pytest.mark.parametrize(
    ("version", "owner"),
    [("1.4.90-user-by-number", (4242, 4242)), ("1.4.90-user-by-name", (4243, 4243))],
)
def test_engine_of_an_ordinary_user_can_write_its_state(
    environment: Environment, game: str, version: str, owner: tuple[int, int]
) -> None:
    """The state directory belongs to the user that the image names, by number or by name."""
    ok(environment.start(game, version))

    for path in (environment.state(game), environment.state(game) / "starts"):
        assert (path.stat().st_uid, path.stat().st_gid) == owner
    assert environment.health(game).json()["starts"] == 1


def test_own_limits_of_an_image_are_the_containers(environment: Environment, game: str) -> None:
    """An image's labels set the limits of its engine."""
    record = ok(environment.start(game, "1.4.90-own-limits"))

    host = environment.inspect(record["current_container_id"])["HostConfig"]

    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (5 * 10**8, 64 << 20, 64)


def test_bad_limits_are_a_fault_of_the_configuration(environment: Environment, game: str) -> None:
    """A limit that cannot be parsed is named, and nothing is created."""
    answer = environment.start(game, "1.4.90-bad-limits")

    assert error(answer) == (400, "start_config_invalid")
    assert "com.galaxy.memory" in message(answer)
    assert not environment.state(game).exists()
    environment.assert_nothing_left(game)


def test_bad_command_fails_the_start(environment: Environment, game: str) -> None:
    """Docker reports such a start as successful, because of the init process; the gate does not."""
    answer = environment.start(game, "1.4.90-bad-command")

    assert error(answer) == (500, "container_start_failed")
    assert "exited with code 127" in message(answer)
    assert "/engine/no-such-command" in message(answer)
    environment.assert_nothing_left(game)


def test_missing_image_fails_the_start_fast(
    environment: Environment, game: str, registry: str
) -> None:
    """An image that the registry does not have is a failed pull."""
    path = f"/api/v1/internal/runtimes/{game}/start"

    answer = environment.call("POST", path, {"image_ref": f"{registry}/galaxy/none:1.0.0"})

    assert error(answer) == (500, "image_pull_failed")
    assert "the registry does not know this image" in message(answer)
    environment.assert_nothing_left(game)


def test_trap_unbounded_log_fills_disk(environment: Environment, game: str) -> None:
    """An engine that logs without end fills three files of ten megabytes, never more."""
    record = ok(environment.start(game, "1.4.90-logs-endlessly"))
    container = record["current_container_id"]
    log = Path(environment.inspect(container)["LogPath"])

    _write_much_more(environment, container)
    wait_until(lambda: log.with_name(f"{log.name}.2").exists(), seconds=60)
    used = sum(each.stat().st_size for each in log.parent.glob(f"{log.name}*"))

    assert used <= 33_000_000
    assert environment.health(game).json()["status"] == "ok"


def test_start_of_a_failing_image_over_a_stopped_game_changes_nothing(
    environment: Environment, game: str
) -> None:
    """The stopped container still exists, under its name, as recorded."""
    ok(environment.start(game, "1.4.7"))
    before = ok(environment.stop(game))

    answer = environment.start(game, "1.4.90-exits-at-once")
    after = ok(environment.get(game))
    (container,) = environment.containers(game)

    assert error(answer) == (500, "container_start_failed")
    assert after["status"] == "stopped"
    assert after["current_image_ref"] == before["current_image_ref"]
    assert container["Id"] == before["current_container_id"] == after["current_container_id"]
    assert (container["Names"], container["State"]) == ([f"/galaxy-game-{game}"], "exited")


def test_unusable_state_directory_is_a_fault_of_the_configuration(
    environment: Environment, game: str, tmp_path: Path
) -> None:
    """A symlink in place of the directory is not followed, and nothing is created."""
    environment.state(game).symlink_to(tmp_path)

    answer = environment.start(game, "1.4.7")

    assert error(answer) == (400, "start_config_invalid")
    assert list(tmp_path.iterdir()) == []
    environment.assert_nothing_left(game)


def _health_events(environment: Environment, game: str, event_type: str) -> list[Row]:
    return [
        row for row in environment.outbox(game) if row["fields"].get("event_type") == event_type
    ]


def _write_much_more(environment: Environment, container: str) -> None:
    """Let the engine write in a moment what would take it half a minute."""
    command = "yes turn 42: the fleet is still on its way | head -n 600000 >/proc/1/fd/1"
    made = environment.docker.exec_create(container, ["sh", "-c", command])
    environment.docker.exec_start(made["Id"])
