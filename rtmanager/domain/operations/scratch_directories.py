"""The directories of an engine that lie in memory: `/tmp`, and the volumes that its image declares.

For each declared volume Docker makes a directory on the host's disk that no limit applies to, even
if the root file system is read-only, unless something else is mounted there.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.texts import quoted

TMP = "/tmp"  # noqa: S108 - the engine's, not ours
MOST_VOLUMES = 16
LONGEST_PATH = 255
_KERNEL = {"proc", "sys", "dev"}
"""The directories in the root that the kernel fills and Docker protects."""


def scratch_directories(
    volumes: Sequence[str], *, mount_path: str, read_only_root: bool
) -> tuple[str, ...]:
    """Return the paths at which an engine gets a directory in memory.

    Raises StartConfigInvalid when the image declares volumes that no engine can have.
    """
    if len(volumes) > MOST_VOLUMES:
        raise StartConfigInvalid(
            f"the image declares {len(volumes)} volumes; at most {MOST_VOLUMES} are accepted"
        )
    state = PurePosixPath(mount_path)
    paths = {_checked(text, state) for text in volumes} - {state}
    if read_only_root:
        paths.add(PurePosixPath(TMP))
    return tuple(sorted(map(str, paths)))


def _checked(text: str, state: PurePosixPath) -> PurePosixPath:
    """Return the path of a declared volume."""
    path = PurePosixPath(text)
    is_path = path.is_absolute() and text.isprintable() and len(text) <= LONGEST_PATH
    if not is_path or ".." in path.parts or text.startswith("//"):
        raise StartConfigInvalid(
            f"the image declares the volume {quoted(text)}; expected an absolute path of at most "
            f"{LONGEST_PATH} characters"
        )
    if len(path.parts) == 1 or path.parts[1] in _KERNEL:
        raise StartConfigInvalid(
            f"the image declares the volume {quoted(text)}, which would replace the root or a "
            "directory of the kernel"
        )
    if state in path.parents:
        raise StartConfigInvalid(
            f"the image declares the volume {quoted(text)} inside the state directory {state}; its "
            "content would be lost with the container"
        )
    return path
