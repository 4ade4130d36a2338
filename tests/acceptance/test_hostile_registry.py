"""Images from registries that misbehave, and images that the operator does not allow."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.streams import INTENTS, Lobby
from tests.support.calls import error, message, ok, under_way
from tests.support.environment import Environment, NewEnvironment, image_of
from tests.support.event_stream import following
from tests.support.hostile_registry import SECRET, HostileRegistry, hostile_registry
from tests.support.running_service import RUNTIMES

BEGINNING = "0-0-0"
STALL_SECONDS = 3
TOTAL_SECONDS = 4
"""As short as a busy machine allows, on which even a registry's refusal takes a second."""
BOUND = 40.0


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileRegistry]:
    """Return a hostile registry."""
    with hostile_registry() as running:
        yield running


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that gives a pull up soon, and allows every image."""
    return new_environment(pull_stall_timeout=f"{STALL_SECONDS}s", pull_timeout=f"{TOTAL_SECONDS}s")


def _start(environment: Environment, game: str, reference: str) -> Any:
    return environment.call("POST", f"{RUNTIMES}/{game}/start", {"image_ref": reference})


@pytest.mark.parametrize("behaviour", ["secret", "escapes"])
def test_words_of_an_internal_service_reach_the_operator_only(
    environment: Environment, hostile: HostileRegistry, game: str, behaviour: str
) -> None:
    """A caller can let Docker ask any server, but does not learn what it answered."""
    answer = _start(environment, game, hostile.reference(behaviour))
    (row,) = environment.operations(game)

    assert error(answer) == (500, "image_pull_failed")
    assert SECRET not in answer.text
    assert SECRET not in row["error_message"]
    assert SECRET in row["details"]["error_detail"]
    assert row["details"]["error_detail"].isprintable()
    assert f"the service's log has the answer, at operation {row['id']}" in message(answer)
    assert SECRET in environment.service.log
    assert all(line.isprintable() for line in environment.service.log.splitlines())


def test_words_of_an_internal_service_are_nowhere_that_callers_see(
    environment: Environment, hostile: HostileRegistry, game: str
) -> None:
    """Neither in the operation log, explanations and pages, nor in metrics and events."""
    operation_id = _started_in_vain(environment, game, hostile.reference("secret"))
    texts = [environment.service.request("GET", each).text for each in _seen(game, operation_id)]
    with following(environment.service, BEGINNING, game=game) as events:
        sent = [next(events)]
        while sent[-1].operation["outcome"] == "open":
            sent.append(next(events))
    texts.append(environment.service.request("GET", "/metrics").text)

    assert all(game in text for text in texts[:-1])
    assert [text for text in (*texts, str(sent)) if SECRET in text] == []
    assert SECRET in str(environment.operations(game))


def _started_in_vain(environment: Environment, game: str, reference: str) -> int:
    assert error(_start(environment, game, reference)) == (500, "image_pull_failed")
    (row,) = environment.operations(game)
    return int(row["id"])


def _seen(game: str, operation_id: int) -> list[str]:
    """Return the paths of everything that shows an operation."""
    api, page = "/api/v1/operator", f"/console/games/{game}"
    return [
        *(f"{api}/operations?game_id={game}", f"{api}/operations/{operation_id}"),
        *(f"{api}/runtimes/{game}/explain", page, f"{page}/operations"),
    ]


def test_words_of_an_internal_service_are_in_no_stream(
    environment: Environment, hostile: HostileRegistry, lobby: Lobby, game: str
) -> None:
    """Result and notification name the kind of fault."""
    result = lobby.result(lobby.start(game, hostile.reference("secret")))
    (intent,) = lobby.read(INTENTS, game)

    assert (result["outcome"], result["error_code"]) == ("failure", "image_pull_failed")
    assert "the registry did not answer as registries do" in result["error_message"]
    assert SECRET not in json.dumps([result, intent])
    environment.assert_nothing_left(game)


@pytest.mark.parametrize("behaviour", ["silent", "drips"])
def test_pull_that_does_not_end_fails_in_time_and_holds_nobody_up(
    environment: Environment, hostile: HostileRegistry, new_games: Any, behaviour: str
) -> None:
    """Meanwhile another game is started."""
    stuck, other = new_games(2)
    began = time.monotonic()
    with under_way(lambda: _start(environment, stuck, hostile.reference(behaviour))) as outcome:
        ok(environment.start(other))
        answer = outcome()

    assert answer is not None
    assert error(answer) == (500, "image_pull_failed")
    assert "given up" in message(answer)
    assert time.monotonic() - began < BOUND


def test_image_id_is_refused(environment: Environment, docker_api: Any, game: str) -> None:
    """An id would run any image that is on the host, whatever its name."""
    image_id = docker_api.inspect_image(image_of("1.4.7"))["Id"]

    for reference in (image_id, image_id[:19], image_id.removeprefix("sha256:")):
        answer = _start(environment, game, reference)

        assert error(answer) == (400, "start_config_invalid")
        assert "no image id" in message(answer)


def test_service_says_at_its_start_that_all_images_are_allowed(environment: Environment) -> None:
    """The line names the setting."""
    lines = map(json.loads, environment.service.log.splitlines())

    said = [line for line in lines if line["event"] == "all_images_allowed"]
    assert {(line["level"], line["setting"]) for line in said} == {
        ("warning", "RTMANAGER_ALLOWED_IMAGES")
    }


@pytest.fixture
def tightened(
    environment: Environment, hostile: HostileRegistry, tmp_path: Path
) -> Iterator[Environment]:
    """Return the service of an operator who allows few images, and has a credential helper."""
    helper = tmp_path / "docker-credential-marking"
    helper.write_text(f"#!/bin/sh\ncat >> {tmp_path}/asked\nexit 1\n")
    helper.chmod(0o755)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"credsStore": "marking"}))
    more = {
        "RTMANAGER_ALLOWED_IMAGES": f"{hostile.host}/denies/*,galaxy/game:1.4.8",
        "RTMANAGER_DOCKER_CONFIG_FILE": str(config),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    with environment.service.using(environment.service.program, more):
        environment.service.restart()
        yield environment
    environment.service.restart()


def test_image_that_is_not_allowed_is_refused_before_anything_is_contacted(
    environment: Environment,
    hostile: HostileRegistry,
    game: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Neither the registry nor the credential helper is asked; a running game can be stopped."""
    started = ok(environment.start(game))
    asked, helper = len(hostile.asked), tmp_path / "asked"
    request.getfixturevalue("tightened")
    elsewhere = f"{hostile.host}/secret/game:1.4.8"

    for answer in (
        environment.call("POST", f"{RUNTIMES}/{game}/patch", {"image_ref": elsewhere}),
        _start(environment, f"{game}-2", elsewhere),
    ):
        assert error(answer) == (400, "start_config_invalid")
        assert "RTMANAGER_ALLOWED_IMAGES" in message(answer)
    assert error(environment.restart(game)) == (409, "conflict")
    assert ok(environment.start(game)) == started
    assert len(hostile.asked) == asked
    assert not helper.exists()
    assert error(_start(environment, f"{game}-2", hostile.reference("denies")))[0] == 500
    assert helper.read_text() == hostile.host
    assert ok(environment.patch(game, "1.4.8"))["current_image_ref"] == image_of("1.4.8")
    assert ok(environment.stop(game))["status"] == "stopped"
