"""A Docker that answers 500 after it has done what it was asked (trap start_500_but_running)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.lying_docker import WORDS, LyingDocker
from tests.acceptance.stage import Row, Stage, error, message, ok

CREATE, START, STOP, RENAME = b"/containers/create?", b"/start ", b"/stop?", b"/rename?"
REMOVE = b"DELETE /"

Request = Callable[[Stage, str], httpx.Response]
Lied = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def docker(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LyingDocker]:
    """Return the liar; it is honest until told otherwise."""
    socket = tmp_path_factory.mktemp("liar") / "docker.sock"
    with LyingDocker(Path(docker_host.removeprefix("unix://")), socket) as made:
        yield made


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage], docker: LyingDocker) -> Stage:
    """Return a service that hears of Docker by the liar only."""
    return new_stage(docker_host=docker.host)


def _refused(row: Row) -> list[str]:
    """Return the actions that Docker refused by its own words, as the operation's row tells."""
    steps = [each for each in row["steps"] if WORDS in (each.get("error") or "")]
    return [each["name"] for each in steps]


@pytest.fixture
def lied_about(stage: Stage, game: str, docker: LyingDocker) -> Lied:
    """Return a function that sends a request, of which one call is lied about."""

    def send(request: Request, call: bytes, skipping: int = 0) -> httpx.Response:
        before = docker.lies
        docker.lie_about(call, skipping=skipping)
        answer = request(stage, game)
        assert docker.lies == before + 1
        return answer

    return send


@pytest.mark.parametrize(("call", "step"), [(CREATE, "create"), (START, "start")])
def test_trap_first_start_is_judged_by_what_runs(
    stage: Stage, game: str, lied_about: Lied, call: bytes, step: str
) -> None:
    """The engine was made and runs, so the start succeeds; the row keeps Docker's words."""
    answer = lied_about(Stage.start, call)
    (row,) = stage.operations(game)

    assert ok(answer)["status"] == "running"
    assert (row["outcome"], row["error_code"]) == ("success", None)
    assert _refused(row) == [step]
    stage.assert_true_record(game, "1.4.7")


@pytest.mark.parametrize(
    ("call", "refused"),
    [(RENAME, ["park"]), (STOP, ["stop"]), (CREATE, ["create"]), (START, ["start"]), (REMOVE, [])],
)
def test_restart_is_judged_by_what_runs(
    stage: Stage, game: str, lied_about: Lied, call: bytes, refused: list[str]
) -> None:
    """Whatever Docker claims not to have done, one new engine runs; the old one is gone.

    The old one is removed when the outcome is committed, which is no step of the operation.
    """
    before = ok(stage.start(game))
    answer = lied_about(Stage.restart, call)
    row = stage.operations(game)[-1]

    assert ok(answer)["current_container_id"] != before["current_container_id"]
    assert (row["kind"], row["outcome"], _refused(row)) == ("restart", "success", refused)
    stage.assert_true_record(game, "1.4.7")


def test_stop_is_judged_by_what_runs(stage: Stage, game: str, lied_about: Lied) -> None:
    """An engine that has stopped is stopped, whatever Docker says."""
    ok(stage.start(game))
    answer = lied_about(Stage.stop, STOP)

    assert ok(answer)["status"] == "stopped"
    assert stage.containers(game)[0]["State"] == "exited"
    assert _refused(stage.operations(game)[-1]) == ["stop"]


def test_clean_up_is_judged_by_what_is_there(stage: Stage, game: str, lied_about: Lied) -> None:
    """A container that is gone is removed, whatever Docker says."""
    ok(stage.start(game))
    ok(stage.stop(game))
    answer = lied_about(Stage.clean_up, REMOVE)

    assert ok(answer)["status"] == "removed"
    assert stage.containers(game) == []
    assert _refused(stage.operations(game)[-1]) == ["remove"]


@pytest.mark.parametrize(
    ("call", "skipping", "refused"),
    [(REMOVE, 0, "remove"), (START, 1, "start"), (RENAME, 1, "unpark")],
)
def test_way_back_is_judged_by_what_runs(  # noqa: PLR0913, PLR0917 - what is lied about
    stage: Stage, game: str, lied_about: Lied, call: bytes, skipping: int, refused: str
) -> None:
    """A patch that fails brings the old engine back, whatever Docker says on the way."""
    before = ok(stage.start(game))
    answer = lied_about(_patch_to_a_broken_one, call, skipping)
    row = stage.operations(game)[-1]

    assert error(answer) == (500, "container_start_failed")
    assert "1.4.7 runs" in message(answer)
    assert (_refused(row), row["error_code"]) == ([refused], "container_start_failed")
    assert ok(stage.get(game))["current_container_id"] == before["current_container_id"]
    stage.assert_true_record(game, "1.4.7")


def _patch_to_a_broken_one(stage: Stage, game: str) -> httpx.Response:
    return stage.patch(game, "1.4.9")
