"""How our values are written so that Postgres can keep them."""

import json
import math
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Buffer
from psycopg.types.json import set_json_dumps
from psycopg.types.string import StrDumper, StrDumperUnknown

GAME_ID_LIMIT = 255


def storable(text: str) -> str:
    """Return text that Postgres accepts: NUL and lone surrogates become readable escapes.

    They come from outside, in ids, log lines and error messages, and must not fail an operation.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def stored_game_id(game_id: str) -> str:
    """Return the id as it is kept: one too long for an index is cut, no game can have it anyway."""
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
    """Return the adapters of our connections; every text that is sent passes through them."""
    ours = AdaptersMap(psycopg.adapters)
    ours.register_dumper(str, _StorableStrDumper)
    # Last, hence first choice: Postgres then infers the type, as with psycopg's own.
    ours.register_dumper(str, _StorableStrDumperUnknown)
    set_json_dumps(to_json, ours)
    return ours
