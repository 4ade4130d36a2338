"""One replica after the other is killed, and what was open in it at that moment."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.acceptance.stage import Stage
from tests.linearizability.history import Operation

Kills = list[frozenset[str]]
"""For each kill the request ids of the operations that were open right after it."""


@contextmanager
def killed_in_turn(replicas: Sequence[Stage], *, every: float) -> Iterator[Kills]:
    """Kill one replica after the other during the block, and start each again at once."""
    over, kills = threading.Event(), Kills()
    begun = time.monotonic()

    def kill_in_turn() -> None:
        while not over.wait(_until_next(begun, every)):
            stage = replicas[len(kills) % len(replicas)]
            stage.service.kill()
            kills.append(open_operations(stage))
            stage.service.start()

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(kill_in_turn)
        try:
            yield kills
        finally:
            over.set()
    killer.result()


def open_operations(stage: Stage) -> frozenset[str]:
    """Return the request ids of the operations that are open, whoever carries them out."""
    statement = "SELECT source_ref FROM operation_log WHERE game_id <> %s AND outcome IS NULL"
    return frozenset(row["source_ref"] for row in stage.rows(statement, "none"))


def struck_operations(kills: Kills, history: Sequence[Operation]) -> list[Operation]:
    """Return the operations that were open when the very process died that had been asked."""
    lost = [each for each in history if each.response is None and not each.is_read]
    struck = frozenset[str]().union(*kills)
    return [each for each in lost if each.request_id in struck]


def kills_that_struck(kills: Kills, history: Sequence[Operation]) -> int:
    """Return how many kills ended a process in the middle of an operation."""
    struck = {each.request_id for each in struck_operations(kills, history)}
    return sum(bool(each & struck) for each in kills)


def _until_next(begun: float, every: float) -> float:
    """Return the seconds to the next full round; a replica that starts slowly skips one."""
    return every - (time.monotonic() - begun) % every
