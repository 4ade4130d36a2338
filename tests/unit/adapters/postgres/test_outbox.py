"""Statements that an in-memory SQL engine runs as Postgres does."""

import sqlite3

from rtmanager.adapters.postgres.outbox import UNSENT


def test_oldest_messages_are_lent_first_wherever_they_lie() -> None:
    """Postgres reuses the space of pruned rows, so the physical order says nothing."""
    table = "CREATE TABLE outbox (id, token, game_id, stream, fields, sent_at)"
    with sqlite3.connect(":memory:") as database:
        database.create_function("current_setting", 1, lambda _: "true")
        database.execute(table)
        for number in (7, 3, 9, 4, 8):
            row = (number, f"t{number}", "chess-7", "job_results", "{}")
            database.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, NULL)", row)
        lent = database.execute(UNSENT.replace("%s", "?"), [3])
        numbers = [number for number, *_ in lent]
    database.close()

    assert numbers == [3, 4, 7]
