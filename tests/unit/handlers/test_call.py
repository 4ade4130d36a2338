from typing import Any

import pytest

from rtmanager.domain.errors import InvalidRequest, NotFound
from rtmanager.handlers.call import Call, with_body


def call(game: str) -> Call:
    """Return a call for a game."""
    return Call({"path_params": {"game_id": game}, "headers": []})


def test_game_id_is_read_from_the_path() -> None:
    """A safe id is the game's, for start and for all other operations."""
    assert call("chess-7").game_id == call("chess-7").new_game_id == "chess-7"


def test_impossible_game_is_not_found() -> None:
    """No game with such an id can ever have been started."""
    with pytest.raises(NotFound):
        _ = call("..").game_id


def test_impossible_game_cannot_be_started() -> None:
    """Start says which ids are possible."""
    with pytest.raises(InvalidRequest, match="1 to 51 characters"):
        _ = call("..").new_game_id


def test_body_comes_with_the_request() -> None:
    """The validated body reaches the handler; the request itself stays as it was."""
    scope: dict[str, Any] = {"headers": []}

    assert Call(with_body(scope, {"a": 1})).body == {"a": 1}
    assert scope == {"headers": []}
