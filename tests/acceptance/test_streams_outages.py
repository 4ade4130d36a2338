"""Every server away for a while, with jobs on their way."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.lobby import JOB_RESULTS, Lobby
from tests.acceptance.proxied import Proxies
from tests.acceptance.stage import Stage, new_game, remove_containers, wait_until

AWAY_SECONDS = 3.0
GAMES = 4
ROUNDS = 3


@pytest.fixture(scope="module")
def stage(impatient_stage: Stage) -> Stage:
    """Return a service that reaches everything through a proxy."""
    return impatient_stage


@pytest.fixture
def games(docker_api: Any) -> Iterator[list[str]]:
    """Return the ids of a few games."""
    names = [new_game() for _ in range(GAMES)]
    yield names
    for name in names:
        remove_containers(docker_api, {"label": f"com.galaxy.game_id={name}"})


@pytest.mark.parametrize("mode", ["refuse", "hang"])
@pytest.mark.parametrize("server", ["redis", "postgres", "docker"])
@pytest.mark.usefixtures("stage")
def test_jobs_wait_for_what_is_away(
    lobby: Lobby, games: list[str], proxies: Proxies, server: str, mode: str
) -> None:
    """Jobs that come while a server is away wait, and then each has one result, in order."""
    proxy = getattr(proxies, server)
    lobby.result(lobby.start(games[0]))
    getattr(proxy, mode)()
    time.sleep(1.5)  # until what was under way has noticed
    jobs = [(game, send(game)) for send in (lobby.start, lobby.stop) for game in games]
    time.sleep(AWAY_SECONDS)
    early = [each for game in games[1:] for each in lobby.results(game)]
    proxy.pass_on()
    results = [lobby.result(job, seconds=60) for _, job in jobs]

    assert early == []
    assert {each["outcome"] for each in results} == {"success"}
    for game in games:
        told = [each["job_id"] for each in lobby.results(game)]
        assert told[-2:] == [job for name, job in jobs if name == game]
    assert len(lobby.read(JOB_RESULTS, games[1])) == 2
    lobby.assert_all_acknowledged()


@pytest.mark.parametrize("server", ["redis", "postgres", "docker"])
def test_a_server_that_goes_while_jobs_run_loses_none(
    stage: Stage, lobby: Lobby, games: list[str], proxies: Proxies, server: str
) -> None:
    """Each job that was under way or queued has one result, in order, and the record is true."""
    sent = {game: [lobby.start(game)] for game in games}
    for _ in range(ROUNDS):
        for game in games:
            sent[game] += [lobby.stop(game), lobby.start(game)]
    wait_until(lambda: any(len(lobby.results(game)) > 1 for game in games), seconds=30)
    getattr(proxies, server).refuse()
    time.sleep(AWAY_SECONDS)
    unanswered = sum(len(sent[game]) - len(lobby.results(game)) for game in games)
    getattr(proxies, server).pass_on()

    assert unanswered > GAMES  # one of each under way, and others behind them
    for game in games:
        lobby.result(sent[game][-1], seconds=90)
        told = lobby.results(game)

        assert [each["job_id"] for each in told] == sent[game]
        assert lobby.result(lobby.start(game))["outcome"] == "success"
        stage.assert_true_record(game, "1.4.7", parked_may_stay=True)
    lobby.assert_all_acknowledged()
