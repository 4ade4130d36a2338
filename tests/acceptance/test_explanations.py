"""What the service says of a game in each case of `docs/explanations.md`, on a real Docker."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.explained_cases import CASES, OPERATOR, PAGE, Case, anonymous, explain
from tests.acceptance.fault_injection import Proxies
from tests.acceptance.streams import Lobby
from tests.support.calls import ok, side_by_side, under_way, wait_until
from tests.support.docker import build_image
from tests.support.environment import (
    SHORT_LEASE,
    STUBBORN_ENGINE,
    Environment,
    NewEnvironment,
    new_game,
    remove_games,
)
from tests.support.run import run_name

KILLED = "this service is killed during a patch"
NO_DOCKER = "Docker is away"
IN_BETWEEN = ", noticed in between"
"""The service may or may not see an engine that is away for a moment."""
BRIEF = 'CMD ["/bin/sh", "-c", "/engine/serve & sleep 1; exit 0"]'


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, proxied_settings: dict[str, str]) -> Environment:
    """Return a service behind proxies that probes and cleans up often, and may be killed."""
    return new_environment(
        **{**proxied_settings, "game_lease_ttl_seconds": SHORT_LEASE},
        game_lease_wait="20s",
        probe_interval="500ms",
        container_retention_days="1",
        cleanup_interval="200ms",
    )


@pytest.fixture(scope="module")
def documented() -> Mapping[str, str]:
    """Return the sentences of the page by case."""
    text = (Path(__file__).parents[2] / PAGE).read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    cells = {row[1].strip(): "|".join(row[2:-1]).strip() for row in rows}
    return {case: sentence for case, sentence in cells.items() if case != "case"}


@pytest.fixture(scope="module")
def cases(environment: Environment, lobby: Lobby, docker_api: Any) -> Iterator[Mapping[str, Case]]:
    """Return a game for each case; what happens to it is up to the test."""
    brief = f"galaxy/{run_name()}-brief:1.0.0"
    build_image(docker_api, brief, [BRIEF], {})
    made = {name: Case(environment, lobby, new_game(), brief) for name in CASES}
    yield made
    remove_games(docker_api, [each.game for each in made.values()])
    docker_api.remove_image(brief, force=True)


def test_every_case_is_explained_as_the_page_says(
    cases: Mapping[str, Case], documented: Mapping[str, str]
) -> None:
    """Who did what, when and why is said truthfully for everything that can end an engine."""

    def sentence(name: str) -> str:
        return CASES[name](cases[name]) or cases[name].sentence()

    told = dict(zip(CASES, side_by_side(sentence, list(CASES)), strict=True))
    others = [
        f"| {name} | {each} |"
        for name, each in told.items()
        if each not in {documented.get(name), documented.get(f"{name}{IN_BETWEEN}")}
    ]

    assert not others, "\n".join(["the page lacks:", *others])


def test_docker_that_is_away_is_no_obstacle(
    environment: Environment,
    cases: Mapping[str, Case],
    proxies: Proxies,
    documented: Mapping[str, str],
) -> None:
    """Without Docker everything else is explained, and that it is missing."""
    case = cases["it runs"]
    proxies.docker.refuse()
    # Calls that were under way when Docker went are cut off in other words.
    wait_until(lambda: "Connection refused" in (case.explain()["docker_error"] or ""))
    explained = case.explain()
    proxies.docker.pass_on()
    told = anonymous(explained["summary"], case.game)

    assert told == documented.get(NO_DOCKER)
    assert explained["container"] is None
    assert ok(environment.call("GET", f"{OPERATOR}/health"))["items"]


def test_killed_manager_is_named_with_the_patch_that_it_left(
    environment: Environment, cases: Mapping[str, Case], documented: Mapping[str, str]
) -> None:
    """A patch that another process completes says that one died."""
    case = cases["failed start of a new game"]
    ok(case.gm.start(case.game, STUBBORN_ENGINE))

    def stops() -> bool:
        (opened,) = environment.open_operations(case.game)
        return any(each["name"] == "stop" for each in opened["steps"])

    with under_way(lambda: case.gm.patch(case.game, "1.4.8")):
        wait_until(lambda: environment.open_operations(case.game) and stops())
        environment.service.kill()
    environment.service.start()
    wait_until(lambda: not environment.open_operations(case.game), seconds=30)
    case.is_said(", healthy")

    assert case.sentence() == documented.get(KILLED)


def test_unknown_game_is_not_explained(environment: Environment) -> None:
    """Of a game that nobody has asked for there is nothing to say."""
    answer = explain(environment, "nobody-knows-it")

    assert answer.status_code == 404
