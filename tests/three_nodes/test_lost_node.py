"""A node that loses its power: its games wait for an operator's word, then run elsewhere."""

import os
import time

from tests.support.calls import wait_until
from tests.support.run import Say
from tests.three_nodes.lab import Lab

GAMES = int(os.environ.get("GAMES", "150"))
MOVED_WITHIN = 30.0
NOTHING_MOVES_FOR = 15.0
BACK_WITHIN = 120.0
"""Seconds until an outage is over for the service; it waits a minute for late engines."""


def test_games_of_a_lost_node_run_elsewhere_after_the_word_of_an_operator(
    lab: Lab, say: Say
) -> None:
    """None is started before, all are within half a minute; no state has two writers, ever."""
    began = time.monotonic()
    lab.start(GAMES)
    say(f"{GAMES} games started in {time.monotonic() - began:.0f} s")
    spread = {node.name: len(lab.games_on(node)) for node in lab.nodes}
    victim = lab.nodes[2]
    lost = lab.games_on(victim)
    before = lab.containers()

    lab.lose(victim)
    lab.wait_until_out_of_reach(victim)
    time.sleep(NOTHING_MOVES_FOR)
    moved_before = lab.containers() != before
    began = time.monotonic()
    lab.said(victim, "lost")
    wait_until(lambda: lab.all_run(lab.games, but_not_on=victim), seconds=4 * MOVED_WITHIN)
    took = time.monotonic() - began
    say(f"spread {spread}; {len(lost)} games of a lost node ran elsewhere after {took:.1f} s")
    moved = [game for game in lab.games if lab.starts(game) == 2]

    assert not moved_before
    assert min(spread.values()) >= GAMES // 3 - 1
    assert sorted(moved) == sorted(lost)
    assert {lab.starts(game) for game in set(lab.games) - set(lost)} == {1}
    assert lab.two_writers() == {}
    assert took < MOVED_WITHIN

    lab.cluster.boot(victim, say)
    wait_until(lambda: lab.shown(victim)["off_at"] is None, seconds=BACK_WITHIN)

    assert lab.all_run(lab.games)
    assert {len(lab.writers(game)) for game in lost} == {2}
    assert lab.two_writers() == {}
