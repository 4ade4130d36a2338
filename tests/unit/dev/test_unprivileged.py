import os
from pathlib import Path

import pytest

from rtmanager.dev import unprivileged
from rtmanager.dev.unprivileged import Place, reachable_place


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a server's programs and the place for its files."""
    monkeypatch.setattr(unprivileged, "FALLBACK_ROOT", tmp_path / "fallback")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "server").write_text("#!/bin/sh\n")
    (programs / "server").chmod(0o700)
    return Place(programs, tmp_path / "files")


def test_folders_in_reach_are_used_as_they_are(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data belongs below the directory that was given."""
    monkeypatch.setattr(unprivileged, "_can_reach", lambda _: True)
    told: list[str] = []

    place = reachable_place(folders.programs, folders.files, told.append)

    assert (place, told) == (folders, [])


def test_folders_out_of_reach_are_replaced_and_that_is_said(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a checkout below /root, the programs are copied and the data is kept elsewhere."""
    monkeypatch.setattr(unprivileged, "_can_reach", lambda _: False)
    told: list[str] = []

    place = reachable_place(folders.programs, folders.files, told.append)

    assert place.files.is_relative_to(unprivileged.FALLBACK_ROOT)
    assert str(place.files) in told[0]
    assert (place.programs / "server").stat().st_mode & 0o777 == 0o755


def test_the_replacement_is_the_same_each_time(
    folders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run must find its data again."""
    monkeypatch.setattr(unprivileged, "_can_reach", lambda _: False)

    places = [reachable_place(folders.programs, folders.files, print) for _ in range(2)]

    assert places[0] == places[1]
    assert len(list(unprivileged.FALLBACK_ROOT.iterdir())) == 2


def test_who_is_not_root_stays_who_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root has to become someone else."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert unprivileged.identity() == {}
