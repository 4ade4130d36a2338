"""Which user an image's engine runs as, by Docker's rules for USER, /etc/passwd and /etc/group."""

from rtmanager.domain.errors import StartConfigInvalid

ROOT = (0, 0)


def numeric_owner(user: str) -> tuple[int, int] | None:
    """Return user and group if the image's USER gives both as numbers, else None."""
    if not user:
        return ROOT
    name, _, group = user.partition(":")
    if _is_number(name) and _is_number(group):
        return int(name), int(group)
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
            f"the image runs as user {user_name!r}, which is not in its /etc/passwd"
        )
    uid, gid = entry or (int(user_name), 0)
    return uid, _group_id(group_name, group) if group_name else gid


def _group_id(name: str, group: str) -> int:
    entry = _find(group, name)
    if entry is not None:
        return entry[0]
    if _is_number(name):
        return int(name)
    raise StartConfigInvalid(f"the image runs as group {name!r}, which is not in its /etc/group")


def _find(text: str, name: str) -> tuple[int, int] | None:
    """Return the two numbers of the first entry with this name or number.

    In /etc/passwd these are user and group; /etc/group has the group and then its members.
    """
    for line in text.splitlines():
        fields = [*line.split(":"), "", "", ""]
        if name in {fields[0], fields[2]} and _is_number(fields[2]):
            return int(fields[2]), int(fields[3]) if _is_number(fields[3]) else 0
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
