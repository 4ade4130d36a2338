"""One call of the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import uuid4

import httpx

from rtmanager.client.retries import Repeats

INTERNAL = "/api/v1/internal"
OPERATOR = "/api/v1/operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call; all of its tries have the same request id."""

    method: str = "GET"
    path: str
    timeout: httpx.Timeout
    repeats: Repeats = Repeats.READ
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: uuid4().hex)


def runtime_path(game_id: str, *more: str, api: str = INTERNAL) -> str:
    """Return the path of a game, whatever its id; raise ValueError for an empty one."""
    if not game_id:
        raise ValueError("the game id is empty")
    return "/".join((api, "runtimes", _segment(game_id), *more))


def node_path(node: str, word: str) -> str:
    """Return the path of a word on a node, whatever its name; raise ValueError for an empty one."""
    if not node:
        raise ValueError("the name of the node is empty")
    return f"{OPERATOR}/nodes/{_segment(node)}/{word}"


def _segment(text: str) -> str:
    """Return a text as one segment of a path: `..` would lead to another one."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")
