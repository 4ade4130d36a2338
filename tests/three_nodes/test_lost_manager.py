"""The manager that leads the Swarm loses its power, and with it a service: the others take over."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import httpx

from tests.support.calls import wait_until
from tests.support.environment import new_game
from tests.support.run import Say
from tests.three_nodes.lab import Lab

GAMES = 12
UNDER_WAY = 10
ANSWERS_WITHIN = 40.0
FINISHED_WITHIN = 90.0
PAUSE = 0.3
MOST_CALLS = 100


def test_calls_answer_again_soon_and_no_operation_is_lost(lab: Lab, say: Say) -> None:
    """Another manager leads; what was under way is completed, on other nodes after the word."""
    lab.start(GAMES)
    leader = lab.leader()
    before = lab.containers()
    starting = [new_game() for _ in range(UNDER_WAY)]
    lab.games += starting

    with ThreadPoolExecutor(UNDER_WAY + MOST_CALLS) as pool:
        sent = [pool.submit(_start, lab, game) for game in starting]
        time.sleep(PAUSE)
        lab.lose(leader)
        took = _seconds_to_an_answer(lab, pool)
        answers = [each.result() for each in sent]
    say(f"a start succeeded {took:.1f} s after the leading manager was lost; others: {answers}")
    lab.wait_until_out_of_reach(leader)
    stayed = {game: lab.containers()[game] == before[game] for game in before}
    lab.said(leader, "lost")
    begun = {row["game_id"] for row in lab.environment.rows("SELECT game_id FROM operation_log")}
    wait_until(lambda: not lab.environment.open_operations(), seconds=FINISHED_WITHIN)
    running = [game for game in lab.games if game in begun]
    wait_until(lambda: lab.all_run(running, but_not_on=leader), seconds=FINISHED_WITHIN)
    refused = [game for game, answer in zip(starting, answers, strict=True) if answer == 200]

    assert took < ANSWERS_WITHIN
    assert all(stayed.values())
    assert set(refused) <= begun
    assert lab.two_writers() == {}


def _seconds_to_an_answer(lab: Lab, pool: ThreadPoolExecutor) -> float:
    """Start a game every second, whatever became of the last one, until one start succeeds."""
    began = time.monotonic()
    calls: list[Future[int | None]] = []
    while not any(each.done() and each.result() == httpx.codes.OK for each in calls):
        assert len(calls) < MOST_CALLS, "no start succeeded"
        game = new_game()
        lab.games.append(game)
        calls.append(pool.submit(_start, lab, game))
        wait(calls, timeout=1, return_when=FIRST_COMPLETED)
        time.sleep(PAUSE)
    return time.monotonic() - began


def _start(lab: Lab, game: str) -> int | None:
    """Return the status of the answer to a start; None if there was none."""
    try:
        return lab.start_game(game).status_code
    except httpx.TransportError:
        return None
