"""Many requests at the same moment."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.calls import at_once, error, ok
from tests.support.environment import Environment

EQUAL_STARTS = 100
DIFFERENT_GAMES = 30


@pytest.fixture
def games(new_games: Callable[[int], list[str]]) -> list[str]:
    """Return the ids of some games."""
    return new_games(DIFFERENT_GAMES)


def test_a_hundred_equal_starts_make_one_container(environment: Environment, game: str) -> None:
    """The first request starts the game; all others get a replay or a conflict."""
    answers = at_once([lambda: environment.start(game)] * EQUAL_STARTS)
    codes = Counter(answer.status_code for answer in answers)
    records = {answer.text for answer in answers if answer.status_code == 200}
    rows = environment.operations(game)

    assert codes.keys() <= {200, 409}
    assert codes[200] >= 1
    assert all(error(each)[1] == "conflict" for each in answers if each.status_code == 409)
    assert len(records) == 1
    assert len(rows) == EQUAL_STARTS
    assert sum(1 for row in rows if row["steps"]) == 1
    environment.assert_runs(game, "1.4.7")


def test_thirty_games_at_once_all_run(environment: Environment, games: list[str]) -> None:
    """Different games do not block each other, however slow the host is."""
    answers = at_once([partial(environment.start, game) for game in games])
    containers = {ok(answer)["current_container_id"] for answer in answers}
    listed = {each["Id"] for game in games for each in environment.containers(game)}

    assert len(containers) == DIFFERENT_GAMES
    assert listed == containers
    assert all(environment.health(game).json()["status"] == "ok" for game in games)


def test_opposite_requests_at_once_end_in_a_consistent_record(
    environment: Environment, game: str
) -> None:
    """Concurrent start, stop, restart and patch requests are done one after the other."""
    ok(environment.start(game))
    calls = [
        lambda: environment.restart(game),
        lambda: environment.patch(game, "1.4.8"),
        lambda: environment.restart(game),
        lambda: environment.patch(game, "1.4.7"),
    ]

    answers = at_once(calls)
    image = ok(environment.get(game))["current_image_ref"]

    assert {answer.status_code for answer in answers} <= {200, 409}
    environment.assert_runs(game, image.rpartition(":")[2])
