"""`explain`: why a game is in its state."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rtmanager.cli import operation_view, screen
from rtmanager.cli.choices import Game
from rtmanager.cli.operations import operations_table
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, ask
from rtmanager.cli.text import clock, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtmanager.client import ContainerState, Explanation, Health, Operation


def explain(
    game: Game,
    *,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Say why a game is in its state, and who brought it there."""
    found = ask(url, token_file, lambda service: service.explain(game))
    if as_json:
        screen.print_json(found.json)
        return
    screen.show(screen.cell(found.summary, "bold"))
    screen.show("")
    screen.show(screen.pairs(_facts(found)))
    if found.exit is not None:
        screen.show("")
        for part in operation_view.exit_parts(found.exit):
            screen.show(part)
    for finding in found.drift:
        screen.show(screen.cell(f"drift: {finding.sentence}; {finding.action}", "yellow"))
    if found.operations:
        screen.show("")
        screen.show(operations_table(found.operations, datetime.now(UTC)))


def _facts(found: "Explanation") -> "Iterator[tuple[str, object]]":
    yield "status", found.status
    yield "since", clock(found.since)
    yield "image", found.image_ref
    if found.cause is not None:
        yield "brought there by", _operation(found.cause)
    if found.open_operation is not None:
        yield "runs now", _operation(found.open_operation)
    if found.health is not None:
        yield "health", screen.cell(_health(found.health), screen.STYLES.get(found.health.state))
    if found.container is not None:
        yield "container", _container(found.container)
    if found.docker_error is not None:
        yield "docker", screen.cell(found.docker_error, "red")


def _container(seen: "ContainerState") -> object:
    named = f"{short(seen.container_id)} {seen.name}"
    if seen.is_out_of_reach:
        said = f"{named}, on {seen.node}, which is down: nobody knows if it runs"
        return screen.cell(said, "yellow")
    place = f" on {seen.node}" if seen.node else ""
    return f"{named}, {seen.state}{place}"


def _operation(operation: "Operation") -> str:
    said = [
        f"operation {operation.operation_id}: {operation.kind}",
        f"to {operation.image_ref}" if operation.image_ref else "",
        f"({operation.reason})" if operation.reason else "",
        f"by {operation.source}, {operation_view.outcome_of(operation)}",
    ]
    return " ".join(filter(None, said))


def _health(health: "Health") -> str:
    why = f": {health.error}" if health.error else ""
    missed = f", {health.consecutive_misses} missed" if health.consecutive_misses else ""
    return f"{health.state}{why}{missed}, checked {clock(health.checked_at)}"
