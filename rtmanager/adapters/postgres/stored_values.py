"""Converting our values to columns that Postgres accepts."""

import json
import math
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.adapt import AdaptersMap, Buffer
from psycopg.types.json import set_json_dumps
from psycopg.types.string import StrDumper, StrDumperUnknown

GAME_ID_LIMIT = 255

Parameters = dict[str, object]
"""The values of a statement, by column."""


class Columns:
    """A table's columns, listed once, in the forms that its statements need.

    `names` is the list itself, `values` its parameters, and `from_excluded` the assignments from
    the row of a failed insert.
    """

    def __init__(self, names: LiteralString) -> None:
        each = [name.strip() for name in names.split(",")]
        self.names: LiteralString = names
        self.values: LiteralString = ", ".join(f"%({name})s" for name in each)
        self.from_excluded: LiteralString = ", ".join(f"{name} = excluded.{name}" for name in each)


def storable(text: str) -> str:
    """Return text that Postgres accepts: NUL and lone surrogates become readable escapes.

    They come from outside, in ids, log lines and error messages, and must not break an operation.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def stored_game_id(game_id: str) -> str:
    """Return the id as it is stored: too long for an index, it is cut; no game can have it."""
    return game_id[:GAME_ID_LIMIT]


def to_json(value: object) -> str:
    """Render JSON that Postgres accepts."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, default=str)


def _plain(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


class _StorableStrDumper(StrDumper):
    def dump(self, obj: Any) -> Buffer | None:
        return super().dump(storable(obj))


class _StorableStrDumperUnknown(StrDumperUnknown):
    def dump(self, obj: Any) -> Buffer | None:
        return super().dump(storable(obj))


def adapters() -> AdaptersMap:
    """Return the type adapters of our connections; all text parameters pass through them."""
    ours = AdaptersMap(psycopg.adapters)
    ours.register_dumper(str, _StorableStrDumper)
    # The last one is preferred: Postgres then infers the type, as with psycopg's own.
    ours.register_dumper(str, _StorableStrDumperUnknown)
    set_json_dumps(to_json, ours)
    return ours
