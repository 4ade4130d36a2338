from typing import Any

import pytest

from rtmanager.domain.errors import InvalidRequest, NotFound
from rtmanager.domain.operation import OperationKind, StopReason
from rtmanager.handlers.call import Call, with_body
from tests.builders import GAME, IMAGE

SCOPE: dict[str, Any] = {"headers": [], "rtmanager.request_id": "request-1"}


def call(game: str) -> Call:
    """Return a call for a game."""
    return Call({**SCOPE, "path_params": {"game_id": game}})


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
    """The validated body reaches the operation; the request itself stays as it was."""
    scope = dict(SCOPE)
    body = {"image_ref": IMAGE, "reason": "finished"}

    request = Call(with_body(scope, body)).to(OperationKind.START, GAME)

    assert (request.image_ref, request.reason) == (IMAGE, StopReason.FINISHED)
    assert scope == SCOPE


def test_request_without_a_body_asks_for_nothing_more() -> None:
    """A restart has neither an image nor a reason."""
    request = call(GAME).to(OperationKind.RESTART, GAME)

    assert (request.kind, request.game_id) == (OperationKind.RESTART, GAME)
    assert (request.image_ref, request.reason) == (None, None)
