"""Secrets from files: `RTMANAGER_X_FILE` is the path of a file that contains the value of `X`.

Docker, Kubernetes and systemd hand over secrets as files; a variable is also visible to whoever may
inspect the container, and inherited by every process that the service starts.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from rtmanager.config.faults import Fault

SUFFIX = "_FILE"
MAX_BYTES = 64 * 1024
ACCEPTED = f"the absolute path of a text file of at most {MAX_BYTES // 1024} KiB"


@dataclass(frozen=True)
class SecretFiles:
    """The secrets that were read, by the variable that each replaces, and what was wrong."""

    values: dict[str, str] = field(repr=False)
    faults: dict[str, Fault]


class _Unusable(Exception):
    """the file cannot be used."""


def is_secret(setting: FieldInfo) -> bool:
    """Return whether a setting contains a secret; an optional one is a member of a union."""
    members = (setting.annotation, *get_args(setting.annotation))
    return any(getattr(member, "__origin__", member) is SecretStr for member in members)


def read_secret_files(variables: Mapping[str, str], secrets: Iterable[str]) -> SecretFiles:
    """Read the file of each secret that names one; `secrets` are the variables that may."""
    values: dict[str, str] = {}
    faults: dict[str, Fault] = {}
    for secret in secrets:
        path = variables.get(secret + SUFFIX)
        if path is None:
            continue
        try:
            values[secret] = _read(path, is_set=secret in variables)
        except _Unusable as unusable:
            faults[secret] = Fault(secret + SUFFIX, str(unusable), ACCEPTED)
    return SecretFiles(values, faults)


def _read(path: str, *, is_set: bool) -> str:
    if is_set:
        raise _Unusable("is set together with the variable that it replaces")
    # Whatever is no absolute path may be the secret itself, in the wrong variable.
    if not path.startswith("/") or not path.isprintable():
        raise _Unusable("is not an absolute path")
    try:
        content = _content(path)
    except OSError as error:
        raise _Unusable(f"names {path}, which cannot be read: {error.strerror}") from None
    return _text(content, path)


def _content(path: str) -> bytes:
    # Not blocking: the path may name a pipe to which nobody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Unusable(f"names {path}, which is not a file")
        return file.read(MAX_BYTES + 1)


def _text(content: bytes, path: str) -> str:
    """Return the content without its last newline, which editors and `echo` add."""
    if len(content) > MAX_BYTES:
        raise _Unusable(f"names {path}, which is too large")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _Unusable(f"names {path}, which is not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise _Unusable(f"names {path}, which is empty")
    if "\0" in text:
        raise _Unusable(f"names {path}, which contains a NUL")
    return text
