"""What a history consists of, and whether that is enough: an idle service is linearizable, too."""

from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from tests.linearizability.history import Kind, Operation, by_game
from tests.linearizability.killing import Kills, kills_that_struck, struck_operations
from tests.linearizability.model import BROKEN
from tests.linearizability.overlaps import concurrent_operations, contended_operations

LEAST = {
    "answered": 100,
    "changes of unknown outcome": 3,
    "beside another call": 60,
    "beside another change": 30,
    "kills": 4,
    "kills inside an operation": 2,
    "operations struck": 2,
    **{f"{kind} 200": 2 for kind in Kind},
}
"""How often each must come up in a minute; on a machine of its own it is several times as often."""


_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR


def counts_of(history: Sequence[Operation], kills: Kills) -> dict[str, int]:
    """Return how often what matters has come up."""
    games = by_game(history).values()
    lost = [each for each in history if each.is_unknown and not each.is_read]
    return {
        "answered": sum(not each.is_unknown for each in history),
        "changes of unknown outcome": len(lost),
        "beside another call": sum(len(concurrent_operations(each)) for each in games),
        "beside another change": sum(len(contended_operations(each)) for each in games),
        "kills": len(kills),
        "kills inside an operation": kills_that_struck(kills, history),
        "operations struck": len(struck_operations(kills, history)),
        "failures of engines that run": len(_unreasonable_failures(history)),
        **_successes(history),
    }


def outcomes_of(history: Sequence[Operation]) -> dict[str, int]:
    """Return how often each kind was answered how."""
    answers = Counter(f"{each.kind} {_outcome(each)}" for each in history)
    return dict(sorted(answers.items()))


def too_few(counts: Mapping[str, int], *, minutes: float) -> dict[str, int]:
    """Return the counts that are too low for a run of so many minutes."""
    return {what: counts[what] for what, least in LEAST.items() if counts[what] < least * minutes}


def _successes(history: Sequence[Operation]) -> dict[str, int]:
    succeeded = Counter(
        each.kind for each in history if each.response and each.response.status == HTTPStatus.OK
    )
    return {f"{kind} 200": succeeded[kind] for kind in Kind}


def _unreasonable_failures(history: Sequence[Operation]) -> list[Operation]:
    """Return what was rolled back although no broken image was asked for; a slow host does that."""
    failures = (each for each in history if each.response and each.response.status == _FAILED)
    return [each for each in failures if each.image not in BROKEN]


def _outcome(operation: Operation) -> str:
    response = operation.response
    return "no answer" if response is None else response.code or str(response.status)
