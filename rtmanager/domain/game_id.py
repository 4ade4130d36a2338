"""Game ids: opaque to us, but each names a container, a DNS label and a directory."""

import re
from typing import NewType

GameId = NewType("GameId", str)

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,50}")
GAME_ID_RULE = "1 to 51 characters of A-Z a-z 0-9 _ . - beginning with a letter or digit"


def parse_game_id(text: str) -> GameId | None:
    """Return `text` as a game id, or None when no game with such an id can ever be started."""
    return GameId(text) if _SAFE.fullmatch(text) else None
