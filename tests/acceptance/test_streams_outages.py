"""Each server is unavailable for a while, while jobs are under way."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.fault_injection import Proxies
from tests.acceptance.streams import JOB_RESULTS, Lobby
from tests.support.calls import wait_until
from tests.support.environment import Environment

AWAY_SECONDS = 3.0
GAMES = 4
ROUNDS = 3


@pytest.fixture(scope="module")
def environment(impatient_environment: Environment) -> Environment:
    """Return a service that reaches everything through a proxy."""
    return impatient_environment


@pytest.fixture
def games(new_games: Callable[[int], list[str]]) -> list[str]:
    """Return the ids of some games."""
    return new_games(GAMES)


@pytest.mark.parametrize("mode", ["refuse", "hang"])
@pytest.mark.parametrize("server", ["redis", "postgres", "docker"])
@pytest.mark.usefixtures("environment")
def test_jobs_wait_for_what_is_away(
    lobby: Lobby, games: list[str], proxies: Proxies, server: str, mode: str
) -> None:
    """Jobs that arrive while a server is away wait, and then each has one result, in order."""
    proxy = getattr(proxies, server)
    lobby.result(lobby.start(games[0]))
    getattr(proxy, mode)()
    time.sleep(1.5)  # until the work under way has noticed
    jobs = [(game, send(game)) for send in (lobby.start, lobby.stop) for game in games]
    time.sleep(AWAY_SECONDS)
    early = [each for game in games[1:] for each in lobby.results(game)]
    proxy.pass_on()
    results = [lobby.result(job, seconds=60) for _, job in jobs]

    assert early == []
    assert {each["outcome"] for each in results} == {"success"}
    for game in games:
        answered = [each["job_id"] for each in lobby.results(game)]
        assert answered[-2:] == [job for name, job in jobs if name == game]
    assert len(lobby.read(JOB_RESULTS, games[1])) == 2
    lobby.assert_all_acknowledged()


@pytest.mark.parametrize("server", ["redis", "postgres", "docker"])
def test_a_server_that_goes_while_jobs_run_loses_none(
    environment: Environment, lobby: Lobby, games: list[str], proxies: Proxies, server: str
) -> None:
    """Each job that was under way or queued has one result, in order, and the record agrees."""
    sent = {game: [lobby.start(game)] for game in games}
    for _ in range(ROUNDS):
        for game in games:
            sent[game] += [lobby.stop(game), lobby.start(game)]
    wait_until(lambda: any(len(lobby.results(game)) > 1 for game in games), seconds=30)
    getattr(proxies, server).refuse()
    time.sleep(AWAY_SECONDS)
    unanswered = sum(len(sent[game]) - len(lobby.results(game)) for game in games)
    getattr(proxies, server).pass_on()

    assert unanswered > GAMES  # one of each under way, and others queued behind them
    for game in games:
        lobby.result(sent[game][-1], seconds=90)
        results = lobby.results(game)

        assert [each["job_id"] for each in results] == sent[game]
        assert lobby.result(lobby.start(game))["outcome"] == "success"
        environment.assert_runs(game, "1.4.7", parked_may_stay=True)
    lobby.assert_all_acknowledged()
