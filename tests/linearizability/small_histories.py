"""Small histories of one game: what the contract allows, and what it forbids."""

from collections.abc import Sequence

from tests.linearizability.checker import Violation, check_game
from tests.linearizability.history import Kind, Operation, Record, Response

OLD, NEW, OTHER, BROKEN = (f"galaxy/game:{tag}" for tag in ("1.4.7", "1.4.8", "1.5.0", "1.4.9"))
A = Response(200, Record("running", OLD, "aaa"))
A_STOPPED = Response(200, Record("stopped", OLD, "aaa"))
A_NEW = Response(200, Record("running", NEW, "aaa"))
B = Response(200, Record("running", OLD, "bbb"))
B_NEW = Response(200, Record("running", NEW, "bbb"))
B_STOPPED = Response(200, Record("stopped", OLD, "bbb"))
C = Response(200, Record("running", OLD, "ccc"))
GONE = Response(200, Record("removed", None, None))
NOT_FOUND = Response(404, code="not_found")
CONFLICT = Response(409, code="conflict")
PATCH_ONLY = Response(409, code="semver_patch_only")
START_FAILED = Response(500, code="container_start_failed")
UNCLEAR = Response(503, code="service_unavailable")

Call = tuple[float, float, Kind, str | None, Response | None]
"""When it was called and returned, what was asked, and the answer; None if there was none."""


def get(called: float, returned: float, response: Response | None) -> Call:
    """Return a read."""
    return (called, returned, Kind.GET, None, response)


def start(called: float, returned: float, response: Response | None, image: str = OLD) -> Call:
    """Return a start."""
    return (called, returned, Kind.START, image, response)


def stop(called: float, returned: float, response: Response | None) -> Call:
    """Return a stop."""
    return (called, returned, Kind.STOP, None, response)


def restart(called: float, returned: float, response: Response | None) -> Call:
    """Return a restart."""
    return (called, returned, Kind.RESTART, None, response)


def patch(called: float, returned: float, response: Response | None, image: str = NEW) -> Call:
    """Return a patch."""
    return (called, returned, Kind.PATCH, image, response)


def clean_up(called: float, returned: float, response: Response | None) -> Call:
    """Return a cleanup."""
    return (called, returned, Kind.CLEANUP, None, response)


def history_of(calls: Sequence[Call], *, late: bool = False) -> list[Operation]:
    """Return the history of one game; if `late`, what was not answered may begin later."""
    return [
        Operation(
            id=number,
            client=f"c{number}",
            game="g1",
            kind=kind,
            image=image,
            called_at=called,
            returned_at=returned,
            response=response,
            may_begin_late=late and response is None,
        )
        for number, (called, returned, kind, image, response) in enumerate(calls)
    ]


def found_in(calls: Sequence[Call], *, late: bool = False) -> Violation | None:
    """Check the history of one game."""
    return check_game(history_of(calls, late=late))


LEGAL: dict[str, Sequence[Call]] = {
    "one after the other": [
        get(0, 1, NOT_FOUND),
        stop(2, 3, NOT_FOUND),
        start(4, 5, A),
        start(6, 7, A),
        start(8, 9, CONFLICT, NEW),
        patch(10, 11, PATCH_ONLY, OTHER),
        patch(12, 13, START_FAILED, BROKEN),
        clean_up(14, 15, CONFLICT),
        patch(16, 17, B_NEW),
        patch(18, 19, C, OLD),
        stop(20, 21, Response(200, Record("stopped", OLD, "ccc"))),
        stop(22, 23, Response(200, Record("stopped", OLD, "ccc"))),
        clean_up(24, 25, GONE),
        restart(26, 27, CONFLICT),
        get(28, 29, GONE),
        start(30, 31, Response(200, Record("running", OTHER, "ddd")), OTHER),
    ],
    "a read during a stop sees either state": [
        start(0, 1, A),
        stop(2, 9, A_STOPPED),
        get(3, 4, A),
        get(5, 6, A_STOPPED),
    ],
    "two starts at once, one replays the other": [start(0, 9, A), start(1, 8, A)],
    "two starts of different images at once": [start(0, 9, CONFLICT, NEW), start(1, 8, A)],
    "stop and restart at once, in the one order that is possible": [
        start(0, 1, A),
        stop(2, 9, B_STOPPED),
        restart(3, 8, B),
        get(10, 11, B_STOPPED),
    ],
    "a conflict with a concurrent operation": [
        start(0, 1, A),
        restart(2, 9, B),
        stop(3, 8, CONFLICT),
    ],
    "a conflict with a lost operation": [
        start(0, 1, A),
        restart(2, 3, None),
        stop(4, 5, CONFLICT),
    ],
    "a lost start that never began": [start(0, 1, None), get(2, 3, NOT_FOUND)],
    "a lost start that began, named by a read": [
        start(0, 1, None),
        get(2, 3, A),
        stop(4, 5, A_STOPPED),
    ],
    "a lost stop that takes effect long after its end": [
        start(0, 1, A),
        stop(2, 3, None),
        get(4, 5, A),
        get(6, 7, A),
        get(8, 9, A_STOPPED),
    ],
    "a lost restart that the next restart waits for": [
        start(0, 1, A),
        restart(2, 3, None),
        get(4, 5, A),
        restart(6, 9, C),
        get(7, 8, B),
    ],
    "two lost operations that took effect in turn": [
        start(0, 1, A),
        stop(2, 3, None),
        start(2, 3, None, NEW),
        get(4, 5, A_STOPPED),
        get(6, 7, B_NEW),
    ],
    "a 503 whose operation was resumed": [
        start(0, 1, A),
        stop(2, 3, UNCLEAR),
        get(4, 5, A_STOPPED),
    ],
    "a 503 whose operation never took effect": [
        start(0, 1, A),
        stop(2, 3, UNCLEAR),
        restart(4, 5, B),
    ],
    "a rollback leaves everything as it was": [
        start(0, 1, A),
        restart(2, 5, START_FAILED),
        get(6, 7, A),
    ],
    "a lost cleanup and a start": [
        start(0, 1, A),
        stop(2, 3, A_STOPPED),
        clean_up(4, 5, None),
        get(6, 7, GONE),
        start(8, 9, B),
    ],
    "a cleanup that replays at its call removes what is started meanwhile": [
        start(0, 1, A),
        stop(2, 3, A_STOPPED),
        clean_up(4, 5, GONE),
        start(6, 10, B),
        clean_up(7, 15, GONE),
        stop(8, 12, B_STOPPED),
        get(16, 17, GONE),
    ],
    "an unanswered read shows nothing": [start(0, 1, A), get(2, 3, None), get(4, 5, A)],
}

ILLEGAL: dict[str, Sequence[Call]] = {
    "stale read after a stop": [start(0, 1, A), stop(2, 3, A_STOPPED), get(4, 5, A)],
    "stale read of an older container": [start(0, 1, A), restart(2, 3, B), get(4, 5, A)],
    "two reads that go back in time": [
        start(0, 1, A),
        stop(2, 9, A_STOPPED),
        get(3, 4, A_STOPPED),
        get(5, 6, A),
    ],
    "lost stop": [start(0, 1, A), stop(2, 3, A_STOPPED), get(4, 5, A), get(6, 7, A)],
    "lost stop, seen by a start": [start(0, 1, A), stop(2, 3, A_STOPPED), start(4, 5, A)],
    "double start": [start(0, 1, A), start(2, 3, B)],
    "double start at once": [start(0, 9, A), start(1, 8, B)],
    "double start of a stopped game": [
        start(0, 1, A),
        stop(2, 3, A_STOPPED),
        start(4, 9, B),
        start(5, 8, C),
    ],
    "start that took the old container": [start(0, 1, A), stop(2, 3, A_STOPPED), start(4, 5, A)],
    "restart that is a replay": [start(0, 1, A), restart(2, 3, A)],
    "patch that keeps the container": [start(0, 1, A), patch(2, 3, A_NEW)],
    "patch that does not patch": [start(0, 1, A), patch(2, 3, B)],
    "replay on a game that does not run": [
        start(0, 1, A),
        stop(2, 3, A_STOPPED),
        clean_up(4, 5, GONE),
        start(6, 7, A),
    ],
    "conflict while nothing is in flight": [start(0, 1, A), stop(2, 3, CONFLICT)],
    "conflict after what was lost was decided": [
        start(0, 1, A),
        restart(2, 3, None),
        restart(4, 5, B),
        stop(6, 7, CONFLICT),
    ],
    "conflict with a read": [start(0, 1, A), get(2, 9, A), stop(3, 8, CONFLICT)],
    "not found after a start": [start(0, 1, A), get(2, 3, NOT_FOUND)],
    "failed restart that changed the container": [
        start(0, 1, A),
        restart(2, 3, START_FAILED),
        get(4, 5, B),
    ],
    "broken image that runs": [
        start(0, 1, Response(200, Record("running", BROKEN, "aaa")), BROKEN)
    ],
    "failure of an operation without anything to do": [start(0, 1, A), start(2, 3, START_FAILED)],
    "cleanup of a running game": [start(0, 1, A), clean_up(2, 3, GONE)],
    "start of a stranger's image": [start(0, 1, A, NEW)],
    "lost operation that takes effect after the next one": [
        start(0, 1, A),
        stop(2, 3, None),
        restart(4, 5, B),
        get(6, 7, B),
        get(8, 9, B_STOPPED),
    ],
    "lost operation that takes effect twice": [
        start(0, 1, A),
        restart(2, 3, None),
        get(4, 5, B),
        get(6, 7, C),
    ],
    "retired container that comes back unseen": [
        start(0, 1, A),
        restart(2, 3, B),
        restart(4, 5, None),
        get(6, 7, A),
    ],
    "refusal that nothing explains": [start(0, 1, Response(500, code="image_pull_failed"))],
}
