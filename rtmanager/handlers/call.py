"""One call of an operation: what a handler may read of the request."""

from dataclasses import dataclass
from typing import Any

from rtmanager.domain.errors import InvalidRequest, NotFound
from rtmanager.domain.game_id import GAME_ID_RULE, GameId, parse_game_id
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin, StopReason
from rtmanager.handlers.asgi import Scope
from rtmanager.handlers.caller_header import source_of
from rtmanager.handlers.quoting import shown
from rtmanager.handlers.raw_path import path_parameter
from rtmanager.handlers.request_id import request_id_of

_BODY = "rtmanager.body"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was routed and validated."""

    scope: Scope

    @property
    def game_id(self) -> GameId:
        """The game; raises NotFound for an id under which no game can ever have been started."""
        game_id = parse_game_id(path_parameter(self.scope, "game_id"))
        if game_id is None:
            raise NotFound
        return game_id

    @property
    def new_game_id(self) -> GameId:
        """The game to start; raises InvalidRequest for an id that cannot name a container."""
        text = path_parameter(self.scope, "game_id")
        game_id = parse_game_id(text)
        if game_id is None:
            raise InvalidRequest(f"the game id is {shown(text)}, expected {GAME_ID_RULE}")
        return game_id

    @property
    def origin(self) -> Origin:
        """Who is calling, and the request's id."""
        return Origin(source_of(self.scope), request_id_of(self.scope))

    def to(self, kind: OperationKind, game_id: GameId) -> OperationRequest:
        """Return the operation that the call asks for."""
        body = self.scope.get(_BODY, {})
        reason = body.get("reason")
        return OperationRequest(
            game_id=game_id,
            kind=kind,
            origin=self.origin,
            image_ref=body.get("image_ref"),
            reason=StopReason(reason) if reason else None,
        )


def with_body(scope: Scope, body: dict[str, Any]) -> Scope:
    """Return the request with its validated body."""
    return {**scope, _BODY: body}
