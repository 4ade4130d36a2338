"""Replicas behind a balancer are restarted one after the other, and no caller notices."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.acceptance.rolling import MixedLoad, balancer
from tests.acceptance.streams import Lobby
from tests.support import running_service
from tests.support.environment import Environment, NewEnvironment
from tests.support.run import Say
from tests.support.running_service import RunningService

SECONDS = float(os.environ.get("ROLLING_SECONDS", "0"))
"""How long restarts go on; each replica is restarted once in any case."""
REUSES = [False, True] if "ROLLING_SECONDS" in os.environ else [True]
"""Whether the balancer keeps connections to replicas, which is harder; by default it does not."""
OTHER_RELEASE = ("tests.acceptance.other_release",)
"""Where the replicas begin if ROLLING_FROM is set; each restart changes the release of one."""
READY_WITHIN = 90.0
CALLERS = 3
JOB_GAMES = 2


@pytest.fixture
def replicas(
    new_environment: NewEnvironment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Environment, Environment]]:
    """Return two replicas with the drain that the configuration of the balancer asks for."""
    monkeypatch.setattr(running_service, "READY_WITHIN", READY_WITHIN)
    settings = {"drain_delay": "3s", "start_gate_timeout": "30s", "patch_gate_timeout": "60s"}
    made = new_environment(**settings), new_environment(**settings)
    if "ROLLING_FROM" in os.environ:
        for each in made:
            _change_release(each)
            each.service.restart()
    yield made
    for each in made:
        each.service.kill()  # the test has ended each in good order already


@pytest.mark.parametrize("reuses", REUSES, ids=lambda reuses: f"reuses={reuses}")
def test_rolling_restart_fails_no_call_and_loses_no_job(  # noqa: PLR0913, PLR0917 - what is rolled
    replicas: tuple[Environment, Environment],
    lobby: Lobby,
    new_games: Callable[[int], list[str]],
    tmp_path: Path,
    say: Say,
    reuses: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Every call is answered 200 and done once; every job has one result."""
    games = new_games(CALLERS + JOB_GAMES)
    restarts, ends = 0, set()
    with balancer(tmp_path, replicas, say, reuses=reuses) as before:
        load = MixedLoad(before.url, lobby)
        with load.running(games[:CALLERS], games[CALLERS:]):
            until = time.monotonic() + SECONDS
            for number, replica in cycle(enumerate(replicas, 1)):
                ends.add(replica.service.stop())
                if "ROLLING_FROM" in os.environ:
                    _change_release(replica)
                replica.service.start()
                before.wait_until_up(number)
                restarts += 1
                if time.monotonic() > until and restarts >= len(replicas):
                    break
    results = Counter(each["job_id"] for each in lobby.read("runtime:job_results"))
    lost = [job for _, job in load.jobs if results[job] != 1]
    say(
        f"{restarts} restarts of replicas behind haproxy ({load.summary}): "
        f"{len(load.failures)} failed calls, {len(lost)} lost jobs"
    )

    assert load.failures == []
    assert lost == []
    assert ends == {0}
    lobby.assert_all_acknowledged()
    assert _done(replicas[0], games) == Counter(
        [*load.requests, *((game, "job", job) for game, job in load.jobs)]
    )


def _change_release(replica: Environment) -> None:
    this = RunningService.program
    replica.service.program = OTHER_RELEASE if replica.service.program == this else this


def _done(environment: Environment, games: list[str]) -> Counter[tuple[str, str, str]]:
    """Return who asked for each operation that was done, by game and verb."""
    rows = [row for game in games for row in environment.operations(game)]
    assert {row["outcome"] for row in rows} == {"success"}
    return Counter(
        (
            row["game_id"],
            "job" if row["source"] == "lobby_stream" else row["kind"],
            row["source_ref"],
        )
        for row in rows
    )
