"""The state root: it is there, can be written, and is the same directory for Docker."""

import os
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from rtmanager.adapters.docker.checkup import host_name, mounts_of
from rtmanager.adapters.postgres.checkup import state_token
from rtmanager.adapters.state_marker import PREFIX, missing_marker
from rtmanager.adapters.state_root import advice, is_exposed
from rtmanager.bootstrap.connections import postgres_dsn
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.bootstrap.platforms import docker_client
from rtmanager.config import Settings
from rtmanager.domain.errors import RuntimeManagerError

IN_A_CONTAINER = Path("/.dockerenv")
STATUS = Path("/proc/self/status")
_CHECK = "state root"
_CAP_CHOWN = 1 << 0


async def check_state_root(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the directory, and ask Docker what is mounted there if this is a container."""
    root = settings.game_state_root
    if fault := _unusable(root):
        yield fault
        return
    yield Finding.ok(_CHECK, f"{root} exists and can be written")
    if is_exposed(root):
        text = f"engines can leave setuid programs in {root}"
        yield Finding.warning(_CHECK, text, advice(root))
    for each in _permissions(settings):
        yield each
    if settings.platform == "swarm":
        yield await _shared(settings, root)
    else:
        yield await _same_path(settings, root)


def _unusable(root: Path) -> Finding | None:
    remedy = f"`mkdir -p {root}`, owned by the service's user, or set RTMANAGER_GAME_STATE_ROOT"
    try:
        with tempfile.TemporaryFile(dir=root, prefix=".rtmanager-doctor-"):
            return None
    except FileNotFoundError:
        return Finding.fault(_CHECK, f"{root} does not exist", remedy)
    except OSError as error:
        return Finding.fault(_CHECK, f"{root} cannot be written: {error.strerror}", remedy)


def _permissions(settings: Settings) -> Iterator[Finding]:
    """Check that state directories can be given to the users that engines run as."""
    if may_give_away():
        yield Finding.ok("permissions", "state directories can be given to the engines' users")
        return
    wanted = (settings.game_state_owner_uid, settings.game_state_owner_gid)
    if wanted == (os.geteuid(), os.getegid()):
        yield Finding.ok("permissions", "state directories belong to the service's own user")
        return
    yield Finding.warning(
        "permissions",
        "this user may not give state directories to the engines' users",
        "run the service as root or with CAP_CHOWN, or set RTMANAGER_GAME_STATE_OWNER_UID and "
        "RTMANAGER_GAME_STATE_OWNER_GID to its own user",
    )


def may_give_away() -> bool:
    """Say whether this process may change the owner of files."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", STATUS.read_text(), re.MULTILINE)
    return bool(found and int(found[1], 16) & _CAP_CHOWN)


async def _shared(settings: Settings, root: Path) -> Finding:
    """Check that this is the storage of the installation; every start checks it on its node."""
    try:
        token = await state_token(postgres_dsn(settings))
    except RuntimeManagerError as error:
        text = f"whether {root} is the shared storage is not known: {error.message.rstrip('.')}"
        return Finding.warning(_CHECK, text, "look again when Postgres answers")
    if token is None:
        text = f"{root} has no marker yet: the first start of the service makes it"
        return Finding.ok(_CHECK, text)
    return _marked(root / f"{PREFIX}{token}")


def _marked(marker: Path) -> Finding:
    if os.path.lexists(marker):
        return Finding.ok(_CHECK, f"{marker.parent} is the shared storage of this installation")
    text, _, remedy = missing_marker(marker).message.partition("; ")
    return Finding.fault(_CHECK, text, remedy)


async def _same_path(settings: Settings, root: Path) -> Finding:
    """Check that Docker, which mounts the directories, finds them at the same path."""
    if not settings.docker_host.startswith("unix://"):
        text = f"whether {root} is the same directory on Docker's host cannot be checked from here"
        remedy = "mount the same file system at this path on both"
        return Finding.warning(_CHECK, text, remedy)
    client, here = docker_client(settings), socket.gethostname()
    try:
        if not is_container() or await host_name(client) == here:
            return Finding.ok(_CHECK, "Docker runs on this machine and finds it at the same path")
        return _mounted(root, await mounts_of(client, here))
    except RuntimeManagerError:
        return _mounted(root, None)
    finally:
        await client.aclose()


def is_container() -> bool:
    """Say whether this process runs in a container of Docker's."""
    return IN_A_CONTAINER.exists()


def _mounted(root: Path, mounts: list[dict[str, str]] | None) -> Finding:
    remedy = f"mount it at the same path: `--volume {root}:{root}`"
    if mounts is None:
        text = f"this seems to be a container: whether the host has {root} cannot be seen"
        return Finding.warning(_CHECK, text, remedy)
    inside = [each for each in mounts if root.is_relative_to(each["Destination"])]
    if not inside:
        return Finding.fault(_CHECK, f"{root} is in this container, not on the host", remedy)
    nearest = max(inside, key=lambda each: len(each["Destination"]))
    if nearest["Source"] != nearest["Destination"]:
        text = f"{nearest['Destination']} is {nearest['Source']} on the host"
        return Finding.fault(_CHECK, text, remedy)
    return Finding.ok(_CHECK, "mounted from the same path of the host")
