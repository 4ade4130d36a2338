"""The first session of the Lobby: each kind of job, and its results."""

from dev.free_port import free_port
from tests.acceptance.streams import (
    DEAD_JOBS,
    HEALTH_EVENTS,
    INTENTS,
    JOB_RESULTS,
    START_JOBS,
    STOP_JOBS,
    Lobby,
)
from tests.support.calls import at_once, ok, wait_until
from tests.support.environment import Environment, image_of


def test_a_start_job_runs_the_engine(environment: Environment, lobby: Lobby, game: str) -> None:
    """The container runs, the one result has its id and endpoint, and one event reports it."""
    job = lobby.start(game)
    result = lobby.result(job)
    (container,) = environment.containers(game)
    (event,) = lobby.read(HEALTH_EVENTS, game)

    environment.assert_runs(game, "1.4.7")
    assert result == {
        "job_id": job,
        "op_kind": "start",
        "game_id": game,
        "outcome": "success",
        "container_id": container["Id"],
        "engine_endpoint": f"http://galaxy-game-{game}:8080",
        "error_code": "",
        "error_message": "",
    }
    assert event["event_type"] == "container_started"
    assert event["container_id"] == container["Id"]


def test_the_same_job_again_is_a_replay(environment: Environment, lobby: Lobby, game: str) -> None:
    """A second entry with the same fields succeeds, says replay_no_op and touches nothing."""
    first = lobby.result(lobby.start(game))
    again = lobby.result(lobby.start(game))

    assert (again["outcome"], again["error_code"]) == ("success", "replay_no_op")
    assert again["container_id"] == first["container_id"]
    assert len(lobby.read(HEALTH_EVENTS, game)) == 1
    assert len(environment.containers(game)) == 1


def test_a_stop_job_stops_the_engine(environment: Environment, lobby: Lobby, game: str) -> None:
    """The container stays, exited; the result is a success and the log has the reason."""
    lobby.result(lobby.start(game))
    job = lobby.stop(game, "timeout")
    result = lobby.result(job)
    (container,) = environment.containers(game)
    operation = environment.operations(game)[-1]

    assert (result["op_kind"], result["outcome"], result["error_code"]) == ("stop", "success", "")
    assert container["State"] == "exited"
    assert ok(environment.get(game))["status"] == "stopped"
    assert (operation["source"], operation["source_ref"]) == ("lobby_stream", job)
    assert operation["reason"] == "timeout"


def test_bad_fields_give_a_dead_letter_and_a_failure(lobby: Lobby, game: str) -> None:
    """An invalid job has a result if its game is known, and is kept as a dead letter."""
    job = lobby.send(STOP_JOBS, {"game_id": game, "reason": "boredom", "requested_at_ms": "1"})
    result = lobby.result(job)
    wait_until(lambda: lobby.dead_letter(job))
    letter = lobby.dead_letter(job) or {}

    assert (result["outcome"], result["error_code"]) == ("failure", "invalid_request")
    assert "reason" in result["error_message"]
    assert letter["stream"] == STOP_JOBS
    assert "boredom" in letter["payload"]
    lobby.assert_all_acknowledged()


def test_a_job_without_a_game_gives_a_dead_letter_only(lobby: Lobby, game: str) -> None:
    """A job that names no game has no result, and later jobs are processed."""
    before = len(lobby.read(JOB_RESULTS))
    job = lobby.send(START_JOBS, {"image_ref": image_of("1.4.7"), "requested_at_ms": "1"})
    later = lobby.result(lobby.stop(game))
    wait_until(lambda: lobby.dead_letter(job))

    assert (later["outcome"], later["error_code"]) == ("failure", "not_found")
    assert len(lobby.read(JOB_RESULTS)) == before + 1
    assert "game_id" in (lobby.dead_letter(job) or {})["fault"]


def test_an_image_that_cannot_be_pulled_gives_one_intent(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """Each failing start has its result; within ten minutes they cause one intent together."""
    image = f"127.0.0.1:{free_port()}/galaxy/game:1.4.7"
    jobs = [lobby.start(game, image) for _ in range(5)]
    results = [lobby.result(job) for job in jobs]
    (intent,) = lobby.read(INTENTS, game)

    assert {each["outcome"] for each in results} == {"failure"}
    assert {each["error_code"] for each in results} == {"image_pull_failed"}
    assert intent["type"] == "runtime.image_pull_failed"
    assert (intent["image_ref"], intent["producer"]) == (image, "runtime_manager")
    environment.assert_nothing_left(game)


def test_twenty_jobs_of_one_game_are_done_in_their_order(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """Starts and stops of one game keep their order, although they come from two streams."""
    jobs = [send(game) for _ in range(10) for send in (lobby.start, lobby.stop)]
    lobby.result(jobs[-1], seconds=90)
    results = lobby.results(game)

    assert [each["job_id"] for each in results] == jobs
    assert [each["op_kind"] for each in results] == ["start", "stop"] * 10
    # Out of order there would be replays: a start of a running game, a stop of a stopped one.
    assert {(each["outcome"], each["error_code"]) for each in results} == {("success", "")}
    assert len({each["container_id"] for each in results}) == 10
    assert ok(environment.get(game))["status"] == "stopped"


def test_requests_and_jobs_on_one_game_at_once(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """REST requests and jobs on one game wait for each other, and all get their answer."""
    ok(environment.start(game))
    jobs = [send(game) for _ in range(3) for send in (lobby.stop, lobby.start)]
    answers = at_once([lambda: environment.stop(game), lambda: environment.start(game)] * 3)
    results = [lobby.result(job, seconds=60) for job in jobs]

    assert {each.status_code for each in answers} <= {200, 409}
    assert {each["outcome"] for each in results} == {"success"}
    assert [each["job_id"] for each in lobby.results(game)] == jobs
    assert len(environment.operations(game)) == 1 + len(answers) + len(jobs)
    assert lobby.result(lobby.start(game))["outcome"] == "success"
    environment.assert_runs(game, "1.4.7")


def test_no_good_job_is_dead_lettered(lobby: Lobby, game: str) -> None:
    """Of an unreadable job and a good one, only the first is among the dead letters."""
    bad = lobby.send(STOP_JOBS, {"game_id": game, "reason": "boredom", "requested_at_ms": "1"})
    jobs = (bad, lobby.start(game))
    for job in jobs:
        lobby.result(job)
    wait_until(lambda: lobby.dead_letter(bad))
    lobby.assert_all_acknowledged()
    letters = [each for each in lobby.read(DEAD_JOBS) if each["entry_id"] in jobs]

    assert [(each["origin"], each["entry_id"]) for each in letters] == [("job", bad)]
