"""The time between the first signal and the end of the listener, in which callers turn away."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Drain:
    """What happens between the first signal and the end of the listener.

    `on_signal` is called at the signal, `on_stop` after the delay, when requests are no longer
    accepted: from then on there is a deadline for those that run.
    """

    delay: float = 0.0
    on_signal: Callable[[], object] = _nothing
    on_stop: Callable[[], object] = _nothing


NO_DRAIN = Drain()


class LastAnswers:
    """ASGI middleware that lets every answer end its connection, once the drain has begun.

    Whoever keeps a connection for the next request must not send that just when the listener ends:
    it would get no answer, and could not know whether the request was executed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._are_last = False

    def begin(self) -> None:
        """End each connection with its next answer."""
        self._are_last = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and add to its answer that it is the last one of its connection."""

        def send_last(message: Message) -> Awaitable[None]:
            if self._are_last and message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            return send(message)

        await self.app(scope, receive, send_last if scope["type"] == "http" else send)
