"""A node that is cut off runs on: nothing is moved, and all is well when it is back."""

import os
import time
from pathlib import Path

import pytest

from tests.support.calls import wait_until
from tests.support.run import Say
from tests.three_nodes.lab import Lab

GAMES = int(os.environ.get("GAMES", "150")) // 5
CUT_OFF_FOR = 60.0
BACK_WITHIN = 90.0


@pytest.mark.parametrize(
    "managers", [pytest.param(1, id="a worker"), pytest.param(3, id="a manager")]
)
def test_games_of_a_node_that_is_cut_off_stay_where_they_are(lab: Lab, say: Say) -> None:
    """For a minute nothing moves; back again, Swarm ends the engines there and they start anew.

    That takes longer for a manager: its return disturbs the election of the leader.
    """
    lab.start(GAMES)
    victim = next(node for node in lab.nodes if node != lab.leader())
    cut_off = lab.games_on(victim)
    before = lab.containers()

    lab.cluster.cut_off(victim)
    lab.wait_until_out_of_reach(victim)
    time.sleep(CUT_OFF_FOR)
    during = lab.containers()
    writing = {game: lab.writers(game)[-1].last for game in cut_off}
    now = float(Path("/proc/uptime").read_text().split()[0])
    lab.cluster.rejoin(victim)
    began = time.monotonic()
    wait_until(lambda: _all_started_anew(lab, cut_off), seconds=BACK_WITHIN)
    say(f"{len(cut_off)} games run again {time.monotonic() - began:.0f} s after the cut ended")

    assert during == before
    assert all(now - each < 5 for each in writing.values())
    assert {lab.starts(game) for game in set(lab.games) - set(cut_off)} == {1}
    assert lab.two_writers() == {}


def _all_started_anew(lab: Lab, games: list[str]) -> bool:
    return lab.all_run(lab.games) and all(lab.starts(game) >= 2 for game in games)
