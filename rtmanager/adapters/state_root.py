"""Whether an engine could leave a program in its state directory that others run as root.

An engine may be root in its container, and a file that it marks setuid there is so on the host
too. Docker can bind a directory only with the options that its file system is mounted with.
"""

import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

_WANTED = {"nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV}
_OTHERS_MAY_ENTER = 0o011


def warn_if_exposed(root: Path) -> None:
    """Log a warning if others than root can enter the state root, and setuid files work there.

    A root that is missing, or cannot be read, is left to the first start.
    """
    if missing := is_exposed(root):
        about = {"path": str(root), "missing": ",".join(missing), "advice": advice(root)}
        logger.warning("state_root_allows_setuid", extra=about)


def is_exposed(root: Path) -> list[str]:
    """Return the mount options that are missing; none if only root can enter the directory."""
    try:
        flags, mode = os.statvfs(root).f_flag, root.stat().st_mode
    except OSError:
        return []
    missing = [name for name, flag in _WANTED.items() if not flags & flag]
    return missing if mode & _OTHERS_MAY_ENTER else []


def advice(root: Path) -> str:
    """Return the commands of which one closes the hole."""
    mounts = f"mount --bind {root} {root} && mount -o remount,bind,nosuid,nodev {root}"
    return f"chmod 0700 {root}, or: {mounts}"
