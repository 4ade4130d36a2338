"""A Docker that answers 500 after it has done what it was asked (trap start_500_but_running)."""

from collections.abc import Callable

import httpx
import pytest

from tests.acceptance.fault_injection import Proxies
from tests.support.calls import error, message, ok
from tests.support.environment import Environment, NewEnvironment, Request, Row

CREATE, START, STOP, RENAME = b"/containers/create?", b"/start HTTP", b"/stop?", b"/rename?"
REMOVE = b"DELETE /"
DOCKERS_ERROR = "the daemon is out of memory"
BODY = f'{{"message": "{DOCKERS_ERROR}"}}'.encode()
REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)

Misreport = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, all_proxies: Proxies) -> Environment:
    """Return a service that reaches Docker through a proxy."""
    return new_environment(docker_host=all_proxies.docker_host)


def _refused(row: Row) -> list[str]:
    """Return the actions that Docker claims to have refused, from the operation's row."""
    steps = [each for each in row["steps"] if DOCKERS_ERROR in (each.get("error") or "")]
    return [each["name"] for each in steps]


@pytest.fixture
def misreport(environment: Environment, game: str, proxies: Proxies) -> Misreport:
    """Return a function that sends a request during which Docker misreports one call."""

    def send(request: Request, call: bytes, skipping: int = 0) -> httpx.Response:
        before = proxies.docker.lost_replies
        proxies.docker.replace_reply_to(call, REFUSAL, skipping=skipping)
        answer = request(environment, game)
        assert proxies.docker.lost_replies == before + 1
        return answer

    return send


@pytest.mark.parametrize(("call", "step"), [(CREATE, "create"), (START, "start")])
def test_trap_first_start_is_judged_by_what_runs(
    environment: Environment, game: str, misreport: Misreport, call: bytes, step: str
) -> None:
    """The engine was created and runs, so the start succeeds; the row keeps Docker's error."""
    answer = misreport(Environment.start, call)
    (row,) = environment.operations(game)

    assert ok(answer)["status"] == "running"
    assert (row["outcome"], row["error_code"]) == ("success", None)
    assert _refused(row) == [step]
    environment.assert_runs(game, "1.4.7")


@pytest.mark.parametrize(
    ("call", "refused"),
    [(RENAME, ["park"]), (STOP, ["stop"]), (CREATE, ["create"]), (START, ["start"]), (REMOVE, [])],
)
def test_restart_is_judged_by_what_runs(
    environment: Environment, game: str, misreport: Misreport, call: bytes, refused: list[str]
) -> None:
    """Whatever Docker claims not to have done, one new engine runs and the old one is removed.

    The old one is removed after the outcome is committed, which is not a step of the operation.
    """
    before = ok(environment.start(game))
    answer = misreport(Environment.restart, call)
    row = environment.operations(game)[-1]

    assert ok(answer)["current_container_id"] != before["current_container_id"]
    assert (row["kind"], row["outcome"], _refused(row)) == ("restart", "success", refused)
    environment.assert_runs(game, "1.4.7")


def test_stop_is_judged_by_what_runs(
    environment: Environment, game: str, misreport: Misreport
) -> None:
    """If the engine has stopped, the stop succeeds, whatever Docker answers."""
    ok(environment.start(game))
    answer = misreport(Environment.stop, STOP)

    assert ok(answer)["status"] == "stopped"
    assert environment.containers(game)[0]["State"] == "exited"
    assert _refused(environment.operations(game)[-1]) == ["stop"]


def test_clean_up_is_judged_by_what_is_there(
    environment: Environment, game: str, misreport: Misreport
) -> None:
    """If the container is gone, the cleanup succeeds, whatever Docker answers."""
    ok(environment.start(game))
    ok(environment.stop(game))
    answer = misreport(Environment.clean_up, REMOVE)

    assert ok(answer)["status"] == "removed"
    assert environment.containers(game) == []
    assert _refused(environment.operations(game)[-1]) == ["remove"]


@pytest.mark.parametrize(
    ("call", "skipping", "refused"),
    [(REMOVE, 0, "remove"), (START, 1, "start"), (RENAME, 1, "unpark")],
)
def test_rollback_is_judged_by_what_runs(  # noqa: PLR0913, PLR0917 - what is lied about
    environment: Environment,
    game: str,
    misreport: Misreport,
    call: bytes,
    skipping: int,
    refused: str,
) -> None:
    """A failed patch is rolled back to the old engine, whatever Docker answers meanwhile."""
    before = ok(environment.start(game))
    answer = misreport(_patch_to_a_broken_one, call, skipping)
    row = environment.operations(game)[-1]

    assert error(answer) == (500, "container_start_failed")
    assert "1.4.7 runs" in message(answer)
    assert (_refused(row), row["error_code"]) == ([refused], "container_start_failed")
    assert ok(environment.get(game))["current_container_id"] == before["current_container_id"]
    environment.assert_runs(game, "1.4.7")


def _patch_to_a_broken_one(environment: Environment, game: str) -> httpx.Response:
    return environment.patch(game, "1.4.9")
