"""Every error, the framework's own and unforeseen ones too, leaves as the contract's envelope."""

import asyncio

import structlog

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.handlers.asgi import App, Message, Receive, Scope, Send, send_json
from rtmanager.handlers.error_responses import ErrorAnswer, answer_to

log = structlog.get_logger(__name__)

CUT_OFF = (
    "the service is shutting down before this request was answered; an operation that has begun "
    "goes on: send the same request again to learn how it ended"
)


class ErrorBoundary:
    """ASGI middleware that answers in place of an application that raised."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a defect is logged with its traceback and not shown to the caller.

        An error after the answer has begun goes to the server, which logs it and cuts the
        connection: half an answer must not look like a whole one. The server cancels a request for
        one reason only, that its limit for a shutdown has passed.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_watched)
        except asyncio.CancelledError:
            if begun:
                raise
            log.warning("request_cut_off", method=scope["method"], path=scope["path"])
            await _send_error(send, answer_to(ServiceUnavailable(CUT_OFF)))
        except Exception as error:
            if begun:
                raise
            answer = answer_to(error)
            if answer.defect:
                log.exception("request_failed", method=scope["method"], path=scope["path"])
            await _send_error(send, answer)


async def _send_error(send: Send, answer: ErrorAnswer) -> None:
    await send_json(send, answer.status, answer.payload, answer.headers)
