import json
from types import SimpleNamespace
from typing import Any

import pytest
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.core.parameters import ParameterLocation

from tests.contract import fuzzing


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the fuzzing process reads."""
    monkeypatch.setenv(fuzzing.REGISTRY_VARIABLE, "127.0.0.1:5000")
    monkeypatch.setenv(fuzzing.GAMES_VARIABLE, "fuzz")


def accepted() -> Failure:
    """Return the failure that reports accepted invalid data."""
    return AcceptedNegativeData(operation="x", message="", status_code=200, expected_statuses=[])


def case(*negative: ParameterLocation, caller: str = "lobby", body: Any = None) -> Any:
    """Return a generated request that is invalid in these places."""
    meta = SimpleNamespace(is_negative_at=negative.__contains__)
    return SimpleNamespace(meta=meta, headers={fuzzing.CALLER: caller}, body=body)


def response(status: int, code: str) -> Any:
    """Return an error answer."""
    return SimpleNamespace(
        status_code=status, content=json.dumps({"error": {"code": code, "message": ""}}).encode()
    )


def test_unknown_caller_alone_is_ignored() -> None:
    """An unknown caller is the only invalid value that is accepted on purpose."""
    assert fuzzing.is_unknown_caller(accepted(), case(ParameterLocation.HEADER))


@pytest.mark.parametrize("place", [ParameterLocation.BODY, ParameterLocation.QUERY])
def test_unknown_caller_hides_nothing_else(place: ParameterLocation) -> None:
    """An accepted invalid body or query stays a failure, whoever calls."""
    wrong = case(ParameterLocation.HEADER, place)

    assert not fuzzing.is_unknown_caller(accepted(), wrong)


def test_known_caller_is_no_excuse() -> None:
    """Failures of known callers are never ignored."""
    known = case(ParameterLocation.HEADER, caller="gm")

    assert not fuzzing.is_unknown_caller(accepted(), known)


def test_other_failures_of_unknown_callers_stay() -> None:
    """A server error is a failure, whoever calls."""
    error = ServerError(operation="x", status_code=500)

    assert not fuzzing.is_unknown_caller(error, case(ParameterLocation.HEADER))


@pytest.mark.parametrize(
    ("reference", "status", "code", "overlooked"),
    [
        ("127.0.0.1:5000/missing/a:1.4.1", 500, "image_pull_failed", True),
        ("127.0.0.1:5000/missing/a:1.4.1", 500, "internal_error", False),
        ("127.0.0.1:5000/missing/a:1.4.1", 503, "docker_unavailable", False),
        ("galaxy/game:1.4.7", 500, "image_pull_failed", False),
        ("galaxy/game:1.4.7", 500, "container_start_failed", False),
    ],
)
def test_only_a_missing_generated_image_is_ignored(
    reference: str, status: int, code: str, *, overlooked: bool
) -> None:
    """A 500 is ignored only if a generated image could not be pulled."""
    error = ServerError(operation="x", status_code=status)
    sent = case(body={"image_ref": reference})

    assert fuzzing.is_missing_image(error, sent, response(status, code)) is overlooked


@pytest.mark.parametrize("text", ["", "\ud800", "docker.io/library/nginx", "galaxy/game:1.4.7"])
def test_no_generated_reference_leaves_this_machine(text: str) -> None:
    """Every generated reference is pointed at the test's own registry."""
    assert fuzzing.missing_image(text).startswith("127.0.0.1:5000/missing/")


def test_choices_are_the_same_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's own game and registry names do not influence the choices."""
    texts = [*fuzzing.live_games(), f"127.0.0.1:5000/galaxy/game:{fuzzing.live_games()[0]}"]
    images = [fuzzing.missing_image(text).rpartition(":")[2] for text in texts]
    monkeypatch.setenv(fuzzing.REGISTRY_VARIABLE, "127.0.0.1:6000")
    monkeypatch.setenv(fuzzing.GAMES_VARIABLE, "other")

    others = [*fuzzing.live_games(), f"127.0.0.1:6000/galaxy/game:{fuzzing.live_games()[0]}"]

    assert [fuzzing.missing_image(text).rpartition(":")[2] for text in others] == images
    assert len(set(images)) > 1


def steered(query: dict[str, Any], operation: str = "operatorGetOperation", **path: Any) -> Any:
    """Return a generated request of the second spec as it is sent."""
    definition = SimpleNamespace(raw={"operationId": operation})
    request = SimpleNamespace(
        operation=SimpleNamespace(definition=definition),
        path_parameters=path,
        query=query,
        body=None,
    )
    fuzzing.steer(request)
    return request


def test_most_operation_ids_are_of_operations_that_exist() -> None:
    """Otherwise nearly every answer would be 404; ids that are small or invalid stay."""
    sent = [
        steered({}, operation_id=each).path_parameters["operation_id"] for each in range(-1, 999)
    ]

    assert sent[:42] == list(range(-1, 41))
    assert len([each for each in sent if each <= fuzzing.FIRST_OPERATIONS]) > 600
    assert max(sent) > fuzzing.FIRST_OPERATIONS
    assert steered({}, operation_id="x").path_parameters == {"operation_id": "x"}


@pytest.mark.parametrize("wait", ["", ["1", "2"], None])
def test_only_texts_are_steered(wait: object) -> None:
    """A wait that is invalid stays so; any other text becomes a short one."""
    assert steered({"wait": wait}).query == {"wait": wait}
    assert steered({"wait": "generated"}).query["wait"] in fuzzing.DURATIONS


@pytest.mark.parametrize("follow", [True, "true"])
def test_no_response_stays_open(follow: object) -> None:
    """A response that follows an engine's output would last for minutes."""
    query = {"follow": follow, "since": "generated", "cursor": "generated"}

    sent = steered(query, fuzzing.LOGS).query

    assert sent.keys() == {"follow", "since"}
    assert sent["follow"] == "false"
    assert sent["since"] in fuzzing.TIMES
