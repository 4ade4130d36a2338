"""An operation of the spec as an ASGI application: call the handler, send what it returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.handlers.asgi import JsonObject, Receive, Scope, Send, send_json
from rtmanager.handlers.call import Call

Handler = Callable[[Call], Awaitable[JsonObject]]

_OK = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """Answers one operation; success is always 200."""

    handler: Handler

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Let the handler answer."""
        await send_json(send, _OK, await self.handler(Call(scope)))
