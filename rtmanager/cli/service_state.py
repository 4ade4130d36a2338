"""`drift` and `workers`: what the service does on its own."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from rtmanager.cli import screen
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, ask
from rtmanager.cli.text import age, plain, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtmanager.client import Replica, WorkersReport


def drift(*, as_json: AsJson = False, url: Url = DEFAULT_URL, token_file: TokenFile = None) -> None:
    """Show where records and Docker disagree, and what follows."""
    report = ask(url, token_file, lambda service: service.drift())
    if as_json:
        screen.print_json(report.json)
    elif not report.items:
        games = "1 game" if report.games == 1 else f"{report.games} games"
        typer.echo(f"Records and Docker agree ({games} compared).")
    else:
        headings = ("GAME", "KIND", "WHAT", "WILL")
        rows = ((each.game_id, each.kind, each.sentence, each.action) for each in report.items)
        screen.show(screen.table(headings, rows, fold=2))


def workers(
    *, as_json: AsJson = False, url: Url = DEFAULT_URL, token_file: TokenFile = None
) -> None:
    """Show replicas, leader, each worker's last success, backlogs."""
    report = ask(url, token_file, lambda service: service.workers())
    if as_json:
        screen.print_json(report.json)
        return
    now = datetime.now(UTC)
    for replica in report.replicas:
        _show_replica(replica, now)
    _show_rest(report, now)


def _show_replica(replica: "Replica", now: datetime) -> None:
    role = "leader" if replica.is_leader else "replica"
    up = age(replica.started_at, now)
    said = f"{role} {replica.replica_id} on {replica.host}, version {replica.version}, up {up}"
    screen.show(screen.cell(f"{said}, seen {age(replica.seen_at, now)} ago", "bold"))
    headings = ("WORKER", "EVERY", "LAST SUCCESS", "LAG", "FAILURES", "LAST ERROR OR ACT")
    rows = list(_worker_rows(replica, now))
    if rows:
        screen.show(screen.table(headings, rows))
    screen.show("")


def _worker_rows(replica: "Replica", now: datetime) -> "Iterator[tuple[object, ...]]":
    for each in replica.workers:
        fails = each.failures_in_a_row > 0
        yield (
            each.name,
            span(each.interval_s) if each.interval_s is not None else "event",
            f"{age(each.last_success_at, now)} ago" if each.last_success_at else "-",
            span(each.lag_s) if each.lag_s is not None else "-",
            screen.cell(f"{each.failures_in_a_row} in a row", "red") if fails else each.failures,
            each.last_error if fails else each.did,
        )


def _show_rest(report: "WorkersReport", now: datetime) -> None:
    if report.leader is None:
        screen.show(screen.cell("No replica leads: nothing is reconciled, probed or read.", "red"))
    rows = ((each.name, each.waiting, age(each.oldest_at, now)) for each in report.backlogs)
    screen.show(screen.table(("BACKLOG", "WAITING", "OLDEST"), rows))
    for error in report.errors:
        typer.echo(plain(error), err=True)
