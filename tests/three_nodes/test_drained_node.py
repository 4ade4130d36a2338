"""A node is drained while its games are in use: they move, and no call fails."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.calls import wait_until
from tests.support.run import Say
from tests.three_nodes.lab import Lab

GAMES = int(os.environ.get("GAMES", "150")) // 3
DRAINED_WITHIN = 240.0
CALLERS = 4
PAUSE = 0.05


def test_a_drain_moves_every_game_and_no_call_fails(lab: Lab, say: Say) -> None:
    """Callers read and restart games all the time, and each call succeeds."""
    source, *others = lab.nodes
    for node in others:
        lab.said(node, "drain")
    games = lab.start(GAMES)
    placed = lab.games_on(source)
    for node in others:
        lab.said(node, "activate")

    began = time.monotonic()
    with callers(lab, games) as answers:
        lab.said(source, "drain")
        wait_until(lambda: lab.shown(source)["games_left"] == 0, seconds=DRAINED_WITHIN)
    took = time.monotonic() - began
    wait_until(lambda: lab.all_run(games, but_not_on=source), seconds=30)
    say(f"{GAMES} games left a node in {took:.0f} s; calls meanwhile: {dict(answers)}")

    assert sorted(placed) == sorted(games)
    assert set(answers) == {200}
    assert lab.two_writers() == {}


@contextmanager
def callers(lab: Lab, games: list[str]) -> Iterator[Counter[int | str]]:
    """Read games, and restart one now and then, during the block; count the answers."""
    answers: Counter[int | str] = Counter()
    ended, lock = threading.Event(), threading.Lock()

    def call(number: int) -> None:
        own = games[number::CALLERS]
        turn = 0
        while not ended.wait(PAUSE):
            turn += 1
            game = own[turn % len(own)]
            try:
                is_restart = turn % 50 == 0
                act = lab.environment.restart if is_restart else lab.environment.get
                status: int | str = act(game).status_code
            except httpx.TransportError as fault:
                status = str(fault)
            with lock:
                answers[status] += 1

    threads = [threading.Thread(target=call, args=[number]) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()
