"""Counting what a directory occupies, when whoever writes there makes that hard."""

import os
import time
from pathlib import Path

import psutil
import pytest

from rtmanager.adapters.directory_size import DEEPEST, MOST_OPEN, DirectorySize

MIB = 1 << 20
SOON = 5.0


def count(path: Path, most_files: int = 1000) -> tuple[int, bool]:
    """Return the whole mebibytes that the directory occupies, and whether that is everything."""
    use = DirectorySize(str(path), time.monotonic() + SOON, most_files).measure()
    return use.size // MIB, use.is_complete


def write(path: Path, size: int = MIB) -> Path:
    """Write a file of this size."""
    path.write_bytes(b"x" * size)
    return path


def test_holes_in_files_occupy_nothing(tmp_path: Path) -> None:
    """What counts are blocks on the disk, not the sizes that files claim."""
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)

    assert count(tmp_path) == (0, True)


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    """Links to one file do not multiply its size."""
    os.link(write(tmp_path / "a"), tmp_path / "b")

    assert count(tmp_path) == (1, True)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither a link to a large directory elsewhere nor one to the directory itself is followed."""
    elsewhere, inside = tmp_path / "elsewhere", tmp_path / "inside"
    elsewhere.mkdir()
    inside.mkdir()
    write(elsewhere / "large", 5 * MIB)
    for name, target in (("out", elsewhere), ("loop", inside), ("none", tmp_path / "none")):
        (inside / name).symlink_to(target)

    assert count(inside) == (0, True)


def test_a_directory_that_is_a_link_is_not_counted(tmp_path: Path) -> None:
    """Whoever swaps the directory for a link gains nothing."""
    write(tmp_path / "large", 5 * MIB)
    (tmp_path / "link").symlink_to(tmp_path)

    assert count(tmp_path / "link") == (0, False)


def test_pipes_and_sockets_are_not_opened(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would hang."""
    os.mkfifo(tmp_path / "pipe")

    assert count(tmp_path) == (0, True)


def test_many_files_are_counted_up_to_a_limit(tmp_path: Path) -> None:
    """The result is then at least what was counted."""
    for number in range(20):
        write(tmp_path / str(number))

    size, is_complete = count(tmp_path, most_files=10)

    assert (0 < size < 20, is_complete) == (True, False)


def test_a_deep_tree_is_counted_to_a_depth(tmp_path: Path) -> None:
    """An engine may go as deep as it likes, but not use up stack or descriptors of this process."""
    write(tmp_path / "top")
    deepest = tmp_path.joinpath(*(["d"] * 100))
    deepest.mkdir(parents=True)
    write(deepest / "unseen")

    assert count(tmp_path) == (1, False)


@pytest.mark.parametrize("depth", [DEEPEST - 1, 100])
def test_a_deep_tree_opens_few_files(tmp_path: Path, depth: int) -> None:
    """As many descriptors are reserved for a count: it takes no other's."""
    tmp_path.joinpath(*(["d"] * depth)).mkdir(parents=True)
    before = psutil.Process().num_fds()
    opened: list[int] = []

    def now() -> float:
        opened.append(psutil.Process().num_fds() - before)
        return 0.0

    use = DirectorySize(str(tmp_path), until=1.0, monotonic=now).measure()

    assert use.is_complete is (depth < DEEPEST)
    assert MOST_OPEN - 2 <= max(opened) <= MOST_OPEN
    assert psutil.Process().num_fds() == before


def test_counting_ends_in_time(tmp_path: Path) -> None:
    """A count that has run out of time returns what it has."""
    write(tmp_path / "a")

    use = DirectorySize(str(tmp_path), until=1.0, monotonic=lambda: 2.0).measure()

    assert not use.is_complete
