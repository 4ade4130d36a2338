"""Which user an image's engine runs as, by Docker's rules for USER, /etc/passwd and /etc/group."""

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.texts import quoted

ROOT = (0, 0)
MAX_ID = 2**31 - 1
"""The largest number that Docker accepts; the kernel reads 2^32 - 1 as "unchanged"."""


def numeric_owner(user: str) -> tuple[int, int] | None:
    """Return user and group if the image's USER gives both as numbers, else None.

    Raises StartConfigInvalid for numbers that are no ids.
    """
    if not user:
        return ROOT
    name, _, group = user.partition(":")
    if _is_number(name) and _is_number(group):
        return _id(name), _id(group)
    return None


def owner_from_files(user: str, passwd: str, group: str) -> tuple[int, int]:
    """Return user and group of an image's USER, looked up in the image's files.

    A number needs no entry; its group is then 0. Raises StartConfigInvalid for a name that is not
    in the files.
    """
    user_name, _, group_name = user.partition(":")
    entry = _find(passwd, user_name)
    if entry is None and not _is_number(user_name):
        raise StartConfigInvalid(
            f"the image runs as user {quoted(user_name)}, which is not in its /etc/passwd"
        )
    uid, gid = entry or (_id(user_name), 0)
    return uid, _group_id(group_name, group) if group_name else gid


def _group_id(name: str, group: str) -> int:
    entry = _find(group, name)
    if entry is not None:
        return entry[0]
    if _is_number(name):
        return _id(name)
    raise StartConfigInvalid(
        f"the image runs as group {quoted(name)}, which is not in its /etc/group"
    )


def _find(text: str, name: str) -> tuple[int, int] | None:
    """Return the two numbers of the first entry with this name or number.

    In /etc/passwd these are user and group; /etc/group has the group and then its members.
    """
    for line in text.split("\n"):
        fields = [*line.split(":"), "", "", ""]
        if name in {fields[0], fields[2]} and _is_number(fields[2]):
            return _id(fields[2]), _id(fields[3]) if _is_number(fields[3]) else 0
    return None


def _id(text: str) -> int:
    """Return the number, which has digits only."""
    digits = text.lstrip("0") or "0"
    # Python refuses to convert very many digits, with another error.
    if len(digits) > len(str(MAX_ID)) or int(digits) > MAX_ID:
        raise StartConfigInvalid(
            f"the image's user or group has the number {quoted(text)}; expected one from 0 to "
            f"{MAX_ID}"
        )
    return int(digits)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
