"""`list` and `get`: which games there are."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.choices import Game, HealthChoice, StatusChoice
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, ask
from rtmanager.cli.text import age, clock

if TYPE_CHECKING:
    from rtmanager.client import OperationBrief, RuntimeOverview

HEADINGS = ("GAME", "STATUS", "HEALTH", "IMAGE", "SINCE", "LAST OPERATION")


def list_games(
    *,
    status: Annotated[StatusChoice | None, typer.Option(help="Only games in this status.")] = None,
    health: Annotated[HealthChoice | None, typer.Option(help="Only games of this health.")] = None,
    search: Annotated[str, typer.Option(help="Only games with this in their id or image.")] = "",
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """List all games with their health and last operation."""
    found = ask(url, token_file, lambda service: service.overview())
    chosen = [
        each
        for each in found
        if (status is None or each.status == status.value)
        and (health is None or each.health == health.value)
        and (search in each.game_id or search in (each.image_ref or ""))
    ]
    if as_json:
        screen.print_json({"items": [each.json for each in chosen]})
    elif chosen:
        screen.show(games_table(chosen, datetime.now(UTC)))
    else:
        typer.echo("No such game." if found else NO_GAMES, err=True)


NO_GAMES = "No game was ever started; `rtmanager start GAME IMAGE` starts the first."


def games_table(games: "list[RuntimeOverview]", now: datetime) -> object:
    """Return the table of these games."""
    rows = (
        (
            each.game_id,
            each.status,
            each.health,
            each.image_ref,
            age(_since(each), now),
            _brief(each.last_operation, now),
        )
        for each in games
    )
    return screen.table(HEADINGS, rows)


def _since(game: "RuntimeOverview") -> datetime | None:
    times = {"running": game.started_at, "stopped": game.stopped_at, "removed": game.removed_at}
    return times.get(game.status, game.last_op_at)


def _brief(operation: "OperationBrief | None", now: datetime) -> object:
    if operation is None:
        return "-"
    ago = age(operation.started_at, now)
    if operation.outcome == "open":
        return screen.cell(f"{operation.kind} for {ago}", "cyan")
    if operation.error_code == "replay_no_op":
        return screen.cell(f"{operation.kind} {ago} ago, nothing to do", "")
    if operation.outcome == "failure":
        return screen.cell(f"{operation.kind} {ago} ago failed", "red")
    return screen.cell(f"{operation.kind} {ago} ago", "")


def get(
    game: Game,
    *,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Show one game's record; `explain` says why it is so."""
    record = ask(url, token_file, lambda service: service.get(game))
    if as_json:
        screen.print_json(record.json)
        return
    screen.show(
        screen.pairs(
            [
                ("game", record.game_id),
                ("status", record.status),
                ("image", record.current_image_ref),
                ("container", record.current_container_id),
                ("endpoint", record.engine_endpoint),
                ("network", record.docker_network),
                ("state", record.state_path),
                ("started", clock(record.started_at)),
                ("stopped", clock(record.stopped_at)),
                ("removed", clock(record.removed_at)),
                ("last change", clock(record.last_op_at)),
                ("created", clock(record.created_at)),
            ]
        )
    )
