"""One operation and its steps, for people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rtmanager.cli import screen
from rtmanager.cli.text import clock, precise, short, span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtmanager.client import EngineExit, Operation, Step


def outcome_of(operation: "Operation") -> str:
    """Return the outcome in a word or two, with the code of a failure."""
    if operation.error_code == "replay_no_op":
        return "nothing to do"
    if operation.outcome == "open":
        return "open, rolled back" if operation.phase == "back" else "open"
    return str(operation.error_code or operation.outcome)


def brief(operation: "Operation") -> str:
    """Return the outcome in a word or two, for a table."""
    if operation.error_code == "replay_no_op":
        return "nothing to do"
    words = {"open": "open", "success": "done", "failure": "failed"}
    return words.get(operation.outcome, operation.outcome)


_WHO = {
    "lobby_stream": "lobby",
    "gm_rest": "gm",
    "admin_rest": "admin",
    "auto_ttl": "retention",
    "auto_reconcile": "reconciler",
}


def who(operation: "Operation") -> str:
    """Return who asked for an operation, in a word."""
    return _WHO.get(operation.source, operation.source)


def headline(operation: "Operation") -> str:
    """Return what an operation is: its id, its kind, the game and the image."""
    image = f" to {operation.image_ref}" if operation.image_ref else ""
    return f"operation {operation.operation_id}: {operation.kind} of {operation.game_id}{image}"


def step_lines(steps: "tuple[Step, ...]") -> "RenderableType":
    """Return the table of steps."""
    rows = (
        (_name(step), step.result, precise(step.duration_ms) or "...", step.error or step.note)
        for step in steps
    )
    return screen.table(("STEP", "RESULT", "TOOK", "NOTE"), rows)


def step_line(step: "Step") -> str:
    """Return one step as a line of a log."""
    parts = [_name(step), step.result, precise(step.duration_ms), step.error or step.note or ""]
    return "  ".join(filter(None, parts))


def _name(step: "Step") -> str:
    return f"{step.action} (roll back)" if step.phase == "back" else step.action


def progress(operation: "Operation") -> "RenderableType":
    """Return an operation that runs: its headline, how long it has run, and its steps."""
    from rich.console import Group  # noqa: PLC0415 - quick commands need none

    since = span((datetime.now(UTC) - operation.started_at).total_seconds())
    runs = f", {outcome_of(operation)} for {since}" if operation.outcome == "open" else ""
    steps = [step_lines(operation.steps)] if operation.steps else []
    return Group(screen.cell(f"{headline(operation)}{runs}", "bold"), *steps)


def whole(operation: "Operation") -> "RenderableType":
    """Return everything about an operation."""
    from rich.console import Group  # noqa: PLC0415 - as above

    parts: list[RenderableType] = [
        screen.cell(headline(operation), "bold"),
        screen.pairs(_facts(operation)),
    ]
    if operation.steps:
        parts += ["", step_lines(operation.steps)]
    if operation.exit is not None:
        parts += ["", *exit_parts(operation.exit)]
    return Group(*parts)


def _facts(operation: "Operation") -> Iterator[tuple[str, object]]:
    yield "outcome", outcome_of(operation)
    if operation.error_message:
        yield "message", operation.error_message
    yield "asked by", f"{operation.source} ({operation.source_ref})"
    if operation.reason:
        yield "reason", operation.reason
    yield "began", clock(operation.started_at)
    yield "finished", clock(operation.finished_at)
    if operation.duration_ms is not None:
        yield "took", precise(operation.duration_ms)
    if operation.downtime_ms is not None:
        yield "downtime", precise(operation.downtime_ms)
    if operation.healthy is not None:
        yield "healthy", "yes" if operation.healthy else "no: the engine did not answer /healthz"
    if operation.container_id:
        yield "container", short(operation.container_id)
    if operation.lost_processes:
        yield "lost", f"{operation.lost_processes:g} processes died while they ran it"
    if operation.trace_id:
        yield "trace", operation.trace_id


def exit_parts(ended: "EngineExit") -> "list[RenderableType]":
    """Return how an engine ended, and its last output."""
    causes = [
        "out of memory" if ended.oom_killed else "",
        f"exit code {ended.exit_code}" if ended.exit_code is not None else "",
        f"after {ended.signal}" if ended.signal else "",
        f"at {clock(ended.ended_at)}" if ended.ended_at else "",
    ]
    said = ", ".join(filter(None, causes)) or "nothing is known about it"
    parts: list[RenderableType] = [screen.cell(f"the engine ended: {said}", "bold")]
    return parts + [screen.cell(f"  | {line}") for line in ended.log_tail]
