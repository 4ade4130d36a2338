import pytest

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.operations.scratch_directories import MOST_VOLUMES, TMP, scratch_directories

STATE = "/var/lib/galaxy-game"


def scratch(*volumes: str, read_only: bool = False) -> tuple[str, ...]:
    """Return the directories in memory of an image with these volumes."""
    return scratch_directories(volumes, mount_path=STATE, read_only_root=read_only)


def test_engine_has_tmp_in_memory_only_with_a_read_only_root() -> None:
    """An engine that can write to its root needs no other place for temporary files."""
    assert scratch() == ()
    assert scratch(read_only=True) == (TMP,)


@pytest.mark.parametrize("read_only", [False, True])
def test_volume_of_the_image_lies_in_memory(*, read_only: bool) -> None:
    """No image gets a directory of unlimited size on the host's disk."""
    assert {"/data", "/var"} <= set(scratch("/data/", "/data", "/var", read_only=read_only))


def test_volume_at_the_state_directory_is_the_state_directory() -> None:
    """Many images declare the directory in which they keep their state."""
    assert scratch(STATE, f"{STATE}/") == ()


@pytest.mark.parametrize(
    "volume",
    [
        *(
            "",
            ".",
            "..",
            "data",
            "/",
            "//",
            "//data",
            "/..",
            "/a/../b",
            "/a/..",
            "/\x1b[31m",
            "/a\nb",
        ),
        *("/proc", "/proc/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/" + "x" * 255),
        *(f"{STATE}/cache", f"{STATE}/a/b"),
    ],
)
def test_volume_that_no_engine_can_have_is_refused(volume: str) -> None:
    """The message names the volume, shortened and printable."""
    with pytest.raises(StartConfigInvalid, match="volume") as refused:
        scratch(volume)

    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300


def test_image_with_thousands_of_volumes_is_refused() -> None:
    """Each volume would be a mount of the host."""
    some = [f"/v{number}" for number in range(MOST_VOLUMES + 1)]

    assert len(scratch(*some[1:])) == MOST_VOLUMES
    with pytest.raises(StartConfigInvalid, match="17 volumes"):
        scratch(*some)
