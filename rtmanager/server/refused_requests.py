"""The answers to requests that never reach the application, in the contract's envelope."""

from collections.abc import Iterable
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from rtmanager.domain.errors import ErrorCode
from rtmanager.handlers.errors import ErrorAnswer
from rtmanager.server.refusals import Reason

_BAD_REQUEST, _TIMEOUT, _HEAD_TOO_LARGE = 400, 408, 431


@dataclass(frozen=True, slots=True)
class HttpFault:
    """What is wrong with how a request was sent, and the status that says so."""

    reason: Reason
    status: int
    message: str

    def answer(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer, which is the connection's last."""
        response = ErrorAnswer(self.status, ErrorCode.INVALID_REQUEST, self.message).response
        every = [*headers, *response.raw_headers, (b"connection", b"close")]
        lines = [b"%b: %b\r\n" % header for header in every]
        return b"".join([STATUS_LINE[self.status], *lines, b"\r\n", bytes(response.body)])


MALFORMED = HttpFault(Reason.MALFORMED, _BAD_REQUEST, "the request is not valid HTTP/1.1")

HEAD_TOO_LARGE = HttpFault(
    Reason.HEAD_TOO_LARGE,
    _HEAD_TOO_LARGE,
    "the request line and headers are larger than 64 KiB, or more than 100 headers",
)


def too_slow(limit: float) -> HttpFault:
    """Return the refusal of a request that was not complete in time."""
    return HttpFault(
        Reason.REQUEST_TIMEOUT, _TIMEOUT, f"the request was not complete within {limit:g} s"
    )
