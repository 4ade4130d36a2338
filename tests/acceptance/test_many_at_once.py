"""Many requests at the same moment."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.acceptance.stage import (
    Stage,
    at_once,
    error,
    new_game,
    ok,
    remove_containers,
)

EQUAL_STARTS = 100
DIFFERENT_GAMES = 30


@pytest.fixture
def games(docker_api: Any) -> Iterator[list[str]]:
    """Return the ids of many games."""
    names = [new_game() for _ in range(DIFFERENT_GAMES)]
    yield names
    for name in names:
        remove_containers(docker_api, {"label": f"com.galaxy.game_id={name}"})


def test_a_hundred_equal_starts_make_one_container(stage: Stage, game: str) -> None:
    """Whoever comes first starts the game; all others get the replay or a conflict."""
    answers = at_once([lambda: stage.start(game)] * EQUAL_STARTS)
    codes = Counter(answer.status_code for answer in answers)
    records = {answer.text for answer in answers if answer.status_code == 200}
    rows = stage.operations(game)

    assert codes.keys() <= {200, 409}
    assert codes[200] >= 1
    assert all(error(each)[1] == "conflict" for each in answers if each.status_code == 409)
    assert len(records) == 1
    assert len(rows) == EQUAL_STARTS
    assert sum(1 for row in rows if row["steps"]) == 1
    stage.assert_true_record(game, "1.4.7")


def test_thirty_games_at_once_all_run(stage: Stage, games: list[str]) -> None:
    """Different games do not hinder each other, however slow the host is."""
    answers = at_once([partial(stage.start, game) for game in games])
    containers = {ok(answer)["current_container_id"] for answer in answers}
    listed = {each["Id"] for game in games for each in stage.containers(game)}

    assert len(containers) == DIFFERENT_GAMES
    assert listed == containers
    assert all(stage.health(game).json()["status"] == "ok" for game in games)


def test_opposite_requests_at_once_end_in_a_true_record(stage: Stage, game: str) -> None:
    """Start, stop, restart and patch at the same moment are done one after the other."""
    ok(stage.start(game))
    calls = [
        lambda: stage.restart(game),
        lambda: stage.patch(game, "1.4.8"),
        lambda: stage.restart(game),
        lambda: stage.patch(game, "1.4.7"),
    ]

    answers = at_once(calls)
    image = ok(stage.get(game))["current_image_ref"]

    assert {answer.status_code for answer in answers} <= {200, 409}
    stage.assert_true_record(game, image.rpartition(":")[2])
