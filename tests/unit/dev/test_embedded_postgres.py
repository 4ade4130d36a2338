import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dev import embedded_postgres, unprivileged
from dev.embedded_postgres import EmbeddedPostgres, Place, reachable_place, start_postgres
from tests.support.run import Say


@pytest.fixture
def own_postgres(session_dir: Path, say: Say) -> Iterator[EmbeddedPostgres]:
    """Return a server that a test may stop."""
    server = start_postgres(session_dir / "stoppable-postgres", say)
    yield server
    server.stop()


def test_postgres_keeps_its_data_and_address_over_a_restart(
    own_postgres: EmbeddedPostgres, session_dir: Path, say: Say
) -> None:
    """The next run finds the data and the address of this one."""
    with psycopg.connect(own_postgres.dsn()) as connection:
        connection.execute("CREATE TABLE public.games AS SELECT 42 AS turn")
    own_postgres.stop()

    again = start_postgres(session_dir / "stoppable-postgres", say)

    assert again.dsn() == own_postgres.dsn()
    with psycopg.connect(again.dsn()) as connection:
        assert connection.execute("TABLE public.games").fetchone() == (42,)


def test_a_postgres_that_still_runs_is_taken_over(
    own_postgres: EmbeddedPostgres, session_dir: Path, say: Say
) -> None:
    """A server that a killed run left is used by the next run, which may stop it."""
    again = start_postgres(session_dir / "stoppable-postgres", say)

    assert again == own_postgres


def test_postgres_asks_for_its_password(own_postgres: EmbeddedPostgres) -> None:
    """A password is required, because every user of the machine can reach a loopback port."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(own_postgres.dsn(), password="guessed")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return the directories of a server's programs and of its files."""
    monkeypatch.setattr(unprivileged, "FALLBACK_ROOT", tmp_path / "fallback")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "server").write_text("#!/bin/sh\n")
    (programs / "server").chmod(0o700)
    return Place(programs, tmp_path / "files")


def _reach(monkeypatch: pytest.MonkeyPatch, *, is_possible: bool) -> None:
    for module in (embedded_postgres, unprivileged):
        monkeypatch.setattr(module, "can_reach", lambda _: is_possible)


def test_folders_in_reach_are_used_as_they_are(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data is kept below the given directory."""
    _reach(monkeypatch, is_possible=True)
    printed: list[str] = []

    place = reachable_place(folders.programs, folders.files, printed.append)

    assert (place, printed) == (folders, [])


def test_folders_out_of_reach_are_replaced_and_that_is_said(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below /root, programs are copied and data is kept elsewhere, and the output says so."""
    _reach(monkeypatch, is_possible=False)
    printed: list[str] = []

    place = reachable_place(folders.programs, folders.files, printed.append)

    assert place.files.is_relative_to(unprivileged.FALLBACK_ROOT)
    assert str(place.files) in printed[0]
    assert (place.programs / "server").stat().st_mode & 0o777 == 0o755


def test_the_replacement_is_the_same_each_time(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run must find its data again."""
    _reach(monkeypatch, is_possible=False)

    places = [reachable_place(folders.programs, folders.files, print) for _ in range(2)]

    assert places[0] == places[1]
    assert len(list(unprivileged.FALLBACK_ROOT.iterdir())) == 2


def test_user_other_than_root_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root has to switch to another user."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert unprivileged.identity() == {}
