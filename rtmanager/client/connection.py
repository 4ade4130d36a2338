"""Sends requests, and repeats what is safe to repeat."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx

from rtmanager.client.errors import ClientError, UnexpectedAnswer
from rtmanager.client.faults import refusal, translated, unexpected
from rtmanager.client.parsing import Answer, Malformed, read
from rtmanager.client.request import Request
from rtmanager.client.retries import Retries

_Answer = TypeVar("_Answer", bound=Answer)

LONGEST_ANSWER = 64 << 20
"""Bytes; a list of 10,000 games has 10 MB. Whatever answers with more is no Runtime Manager."""
LONGEST_LINE = 1 << 20
"""Bytes of a line of a stream, which the service cuts at some thousand characters."""


class Connection:
    """Calls one service."""

    def __init__(self, http: httpx.AsyncClient, retries: Retries) -> None:
        self._http = http
        self.retries = retries

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def call(self, request: Request, kind: type[_Answer]) -> _Answer:
        """Send a request and read its answer; raise ClientError when no try succeeds."""
        failures = 0
        while True:
            try:
                return await self._call_once(request, kind)
            except ClientError as fault:
                failures += 1
                if not self.retries.may_try_again(fault, request.repeats, failures):
                    raise
            await asyncio.sleep(self.retries.delay(failures))

    async def _call_once(self, request: Request, kind: type[_Answer]) -> _Answer:
        async with self.opened(request) as answer:
            text = await _whole(answer, request)
        return parsed(kind, text, request)

    async def lines(self, request: Request) -> AsyncGenerator[str, None]:
        """Send a request, and yield the lines of its answer as they arrive; nothing is repeated."""
        async with self.opened(request) as answer:
            waiting = bytearray()
            async for chunk in answer.aiter_bytes():
                *whole, rest = chunk.split(b"\n")
                for line in whole:
                    yield (waiting + line).decode(errors="replace").removesuffix("\r")
                    waiting.clear()
                waiting += rest
                if len(waiting) > LONGEST_LINE:
                    raise _too_long(request)
            if waiting:
                yield waiting.decode(errors="replace")

    @asynccontextmanager
    async def opened(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Send a request once, and yield its answer if its status is a success."""
        sent = self._http.build_request(
            request.method,
            request.path,
            params=dict(request.query),
            json=request.body,
            headers={**request.headers, "X-Request-Id": request.request_id},
            timeout=request.timeout,
        )
        with translated(request, str(self._http.base_url)):
            answer = await self._http.send(sent, stream=True)
            try:
                if answer.status_code != HTTPStatus.OK:
                    raise refusal(answer, await _whole(answer, request), request)
                yield answer
            finally:
                await answer.aclose()


def parsed(kind: type[_Answer], text: str, request: Request) -> _Answer:
    """Read a JSON document; raise UnexpectedAnswer if it is not what the contract says."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise unexpected(text, HTTPStatus.OK, request) from fault
    try:
        return read(kind, document)
    except Malformed as fault:
        raise UnexpectedAnswer(
            f"the answer to {request.method} {request.path} does not keep the contract: {fault}; "
            "the service may have another version than the client",
            request_id=request.request_id,
            status=HTTPStatus.OK,
        ) from fault


async def _whole(answer: httpx.Response, request: Request) -> str:
    """Read an answer to its end; raise UnexpectedAnswer if there is none in sight."""
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > LONGEST_ANSWER:
            raise _too_long(request)
    return content.decode(errors="replace")


def _too_long(request: Request) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"the answer to {request.method} {request.path} is longer than any of the Runtime Manager; "
        "check the address, and what stands between",
        request_id=request.request_id,
    )
