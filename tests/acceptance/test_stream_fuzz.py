"""Fuzzed entries in the job streams: each is answered or dead-lettered, and nothing grows."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.acceptance.stream_fuzz import MEGABYTE, FuzzedEntry, Fuzzer
from tests.acceptance.streams import DEAD_JOBS, GROUP, JOB_RESULTS, START_JOBS, STOP_JOBS, Lobby
from tests.support.calls import wait_until
from tests.support.environment import Environment

pytestmark = pytest.mark.fuzz

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""How long to go on after the batches that are always sent."""
SEED = int(os.environ.get("FUZZ_SEED", "1"))
BATCHES = 6
ANSWERED_WITHIN = 60.0
GROWTH = 48 * MEGABYTE
"""Bytes by which memory may grow after the first batch: several times what was measured."""


@dataclass
class Fuzz:
    """Adds fuzzed entries and valid jobs, and takes out of the streams what became of them.

    Everything is deleted from the streams once it is done, so that only the service could grow.
    """

    redis: Any  # answers bytes
    lobby: Lobby
    added: dict[str, FuzzedEntry] = field(default_factory=dict)
    results: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def add(self, entries: Iterable[FuzzedEntry]) -> None:
        """Add entries, a valid job behind them, and wait until that is answered and all are done.

        The job is about a game that never ran: it is answered without any work on containers.
        """
        for entry in entries:
            entry_id = self.redis.execute_command("XADD", *entry.arguments)
            self.added[f"{entry.stream} {entry_id.decode()}"] = entry
        began = time.monotonic()
        result = self.lobby.result(self.lobby.stop("never-ran"), seconds=ANSWERED_WITHIN)
        assert result["error_code"] == "not_found"
        wait_until(self._is_idle, seconds=ANSWERED_WITHIN)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self._take_out()

    def _is_idle(self) -> bool:
        groups = [self.redis.xinfo_groups(each) for each in (START_JOBS, STOP_JOBS)]
        facts = [each for found in groups for each in found if each["name"] == GROUP.encode()]
        last = [self.redis.xrevrange(each, count=1) for each in (START_JOBS, STOP_JOBS)]
        newest = [each[0][0] for each in last if each]
        read = {each["last-delivered-id"] for each in facts}
        sent = int(self.redis.xlen(DEAD_JOBS)) >= len(self.added) - sum(self.dead.values())
        return sent and set(newest) <= read and not any(each["pending"] for each in facts)

    def _take_out(self) -> None:
        expected = sum(each.game_id is not None for each in self.added.values())
        wait_until(lambda: sum(self.results.values()) + len(self._results()) >= expected)
        for entry_id, fields in self._results():
            self.results[f"runtime:{fields['op_kind']}_jobs {fields['job_id']}"] += 1
            self.redis.xdel(JOB_RESULTS, entry_id)
        for letter in self.lobby.read(DEAD_JOBS):
            self.dead[f"{letter['stream']} {letter['entry_id']}"] += 1
        for stream in (START_JOBS, STOP_JOBS, DEAD_JOBS):
            self.redis.xtrim(stream, maxlen=0, approximate=False)

    def _results(self) -> list[tuple[str, dict[str, str]]]:
        results = self.lobby.redis.xrange(JOB_RESULTS)
        return [each for each in results if each[1]["game_id"] != "never-ran"]


@pytest.fixture
def fuzz(environment: Environment, lobby: Lobby) -> Iterator[Fuzz]:
    """Return the streams of a running service."""
    host, _, port = environment.service.variables["RTMANAGER_REDIS_MASTER_ADDR"].partition(":")
    with Redis(host=host, port=int(port), protocol=2) as redis:
        yield Fuzz(redis, lobby)


def resident(environment: Environment) -> int:
    """Return the bytes of memory that the process of the service occupies."""
    pages = Path(f"/proc/{environment.service.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_fuzzed_entries_are_answered_or_dead_lettered(
    environment: Environment, fuzz: Fuzz, say: Callable[[str], None]
) -> None:
    """Each has one dead letter, and one result if its game id can be read; memory stays flat.

    Valid jobs are answered in between.
    """
    fuzzer, began = Fuzzer(SEED), time.monotonic()
    fuzz.add(fuzzer.batch())
    before, sent = resident(environment), 1
    while sent < BATCHES or time.monotonic() < began + SECONDS:
        fuzz.add(fuzzer.batch())
        sent += 1
    after = resident(environment)
    fuzz.add(fuzzer.with_huge_ids())
    say(
        f"Fuzz of {time.monotonic() - began:.0f} s, seed {SEED}: {len(fuzz.added)} entries, "
        f"{sum(fuzz.dead.values())} dead letters, {sum(fuzz.results.values())} results, "
        f"a batch at most {fuzz.slowest:.2f} s, {before // MEGABYTE} MB before, "
        f"{after // MEGABYTE} MB after"
    )

    assert fuzz.dead == Counter(dict.fromkeys(fuzz.added, 1))
    readable = [each for each, entry in fuzz.added.items() if entry.game_id is not None]
    assert fuzz.results == Counter(dict.fromkeys(readable, 1))
    assert after - before < GROWTH
    assert "Traceback" not in environment.service.log
    assert "worker_failed" not in environment.service.log
