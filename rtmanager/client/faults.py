"""Turns what httpx raises, and answers that are no success, into the client's errors."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from rtmanager.client.errors import (
    ClientError,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
    error_of,
)
from rtmanager.client.request import Request
from rtmanager.client.retries import Repeats
from rtmanager.client.vocabulary import ErrorCode

# httpx raises these before a byte of the request has left.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SHOWN_TEXT = 100


@contextmanager
def translated(request: Request, url: str) -> Iterator[None]:
    """Raise Unreachable or TimedOut for what goes wrong on the way."""
    try:
        yield
    except httpx.TimeoutException as fault:
        raise _timed_out(fault, request, url) from fault
    except httpx.TransportError as fault:
        raise _unreachable(fault, request, url) from fault
    except httpx.DecodingError as fault:
        raise UnexpectedAnswer(
            f"cannot decode the answer of {url}: {fault}", request_id=request.request_id
        ) from fault


def _timed_out(fault: httpx.TimeoutException, request: Request, url: str) -> TimedOut:
    if isinstance(fault, _NOT_SENT):
        said = f"cannot connect to the Runtime Manager at {url}: no answer within "
        said += f"{request.timeout.connect:g} s; check the address and that nothing blocks it"
        return TimedOut(said, request_id=request.request_id, was_sent=False)
    said = f"the Runtime Manager at {url} did not answer {request.method} {request.path} in time"
    return TimedOut(said + _what_then(request), request_id=request.request_id, was_sent=True)


def _unreachable(fault: httpx.TransportError, request: Request, url: str) -> Unreachable:
    cause = _cause_of(fault)
    if isinstance(fault, _NOT_SENT):
        said = f"cannot reach the Runtime Manager at {url}: {cause}; check that it runs and that "
        said += "the address is right"
        return Unreachable(said, request_id=request.request_id, was_sent=False)
    said = f"the connection to the Runtime Manager at {url} was lost: {cause}"
    return Unreachable(said + _what_then(request), request_id=request.request_id, was_sent=True)


def _what_then(request: Request) -> str:
    if request.repeats in {Repeats.REPLAY, Repeats.UNSAFE}:
        return (
            "; an operation that has begun continues: the operation log has it under "
            f"request id {request.request_id}"
        )
    return "; try again"


def _cause_of(fault: BaseException) -> str:
    """Return the words of the system, which httpx hides in the chain of causes."""
    each: BaseException | None = fault
    while each is not None:
        if isinstance(each, OSError) and each.errno is not None:
            # asyncio puts words of its own in place of the system's; those of a resolver stay.
            return os.strerror(each.errno) if each.errno > 0 else str(each.strerror)
        if isinstance(each, ExceptionGroup):
            each = each.exceptions[0]
        else:
            each = each.__cause__ or each.__context__
    return str(fault) or type(fault).__name__


def refusal(answer: httpx.Response, text: str, request: Request) -> ClientError:
    """Return the error that an answer in the contract's envelope says, or UnexpectedAnswer."""
    try:
        error = json.loads(text)["error"]
        code, message = ErrorCode(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return unexpected(text, answer.status_code, request)
    request_id = answer.headers.get("x-request-id", request.request_id)
    return error_of(code, message, status=answer.status_code, request_id=request_id)


def unexpected(text: str, status: int, request: Request) -> UnexpectedAnswer:
    """Return the error of an answer that the Runtime Manager never gives."""
    return UnexpectedAnswer(
        f"{request.method} {request.path} was answered with status {status} and "
        f"{text[:_SHOWN_TEXT]!a}, which is no answer of the Runtime Manager; check the "
        "address, and what stands between",
        request_id=request.request_id,
        status=status,
    )
