"""Whether what an engine leaves in its state directory can be run by others on the host."""

from pathlib import Path

import pytest

from rtmanager.adapters.filesystem import FilesystemStateDirectories
from rtmanager.adapters.state_root import warn_if_exposed
from tests.contract.ports.directory_worlds import GAME
from tests.support.mounts import mounted


async def test_a_new_state_root_is_closed_to_others(tmp_path: Path) -> None:
    """An engine may be root, and leave programs that run as root for whoever can reach them."""
    root = tmp_path / "root"
    directories = FilesystemStateDirectories(str(root))

    await directories.prepare(GAME, uid=1, gid=1)

    assert root.stat().st_mode & 0o777 == 0o700
    await directories.close()


@pytest.mark.parametrize(
    ("mode", "is_exposed"), [(0o700, False), (0o750, True), (0o711, True), (0o704, False)]
)
def test_a_state_root_that_others_may_enter_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, *, is_exposed: bool
) -> None:
    """The warning has the commands that help."""
    tmp_path.chmod(mode)

    warn_if_exposed(tmp_path)

    assert [each.message for each in caplog.records] == ["state_root_allows_setuid"] * is_exposed
    for record in caplog.records:
        assert "mount -o remount,bind,nosuid,nodev" in vars(record)["advice"]


@pytest.mark.parametrize("options", ["nosuid,nodev", "nosuid", "defaults"])
def test_a_state_root_mounted_without_setuid_is_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: str
) -> None:
    """The warning names the options that are missing."""
    with mounted(tmp_path, options):
        tmp_path.chmod(0o755)
        warn_if_exposed(tmp_path)

    missing = {"nosuid,nodev": [], "nosuid": ["nodev"], "defaults": ["nosuid,nodev"]}
    assert [vars(each)["missing"] for each in caplog.records] == missing[options]


async def test_a_state_root_that_is_missing_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is made at the first start."""
    directories = FilesystemStateDirectories(str(tmp_path / "none"))

    await directories.open()
    await directories.close()

    assert not caplog.records
