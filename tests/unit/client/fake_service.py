"""A service that answers by the specifications alone, and refuses what they do not allow."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from jsonschema import Draft4Validator

from rtmanager.client import Retries, RuntimeManagerClient
from tests.unit.client.specs import SpecifiedOperation, example, operation_of, resolved

URL = "http://rtm.test"
Answerer = Callable[[httpx.Request], httpx.Response]


class FakeService(httpx.AsyncBaseTransport):
    """Answers as `answers` say, one after the other, then by the specification."""

    def __init__(self, *answers: httpx.Response | Exception, null: bool = False) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        self._null = null

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check a request, and answer it."""
        self.requests.append(request)
        operation = operation_of(request.method, request.url.raw_path.decode().partition("?")[0])
        assert_specified(operation, request)
        if self._answers:
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return self._success(operation)

    def _success(self, operation: SpecifiedOperation) -> httpx.Response:
        if "application/json" in operation.content:
            schema = operation.content["application/json"]["schema"]
            return answered(example(operation.spec, schema, null=self._null))
        name = "Event" if "text/event-stream" in operation.content else "LogLine"
        schema = operation.spec["components"]["schemas"][name]
        line = json.dumps(example(operation.spec, schema, null=self._null))
        return stream(line if name == "LogLine" else f"id: 1\nevent: operation\ndata: {line}\n")


def assert_specified(operation: SpecifiedOperation, request: httpx.Request) -> None:
    """Fail unless a request is one that the specification allows."""
    assert request.headers["x-galaxy-caller"] in {"admin", "gm"}
    assert request.headers["x-request-id"].isascii()
    specified = operation.query_parameters
    assert request.url.params.keys() <= specified.keys()
    for name, text in request.url.params.items():
        schema = resolved(operation.spec, specified[name])
        value = json.loads(text) if schema["type"] in {"integer", "boolean"} else text
        Draft4Validator(schema).validate(value)
    body = request.content
    if operation.body_schema is None:
        assert body == b""
    elif not body:
        assert not operation.definition["requestBody"]["required"]
    else:
        schema = resolved(operation.spec, operation.body_schema)
        with_definitions = {**schema, "components": operation.spec["components"]}
        Draft4Validator(with_definitions).validate(json.loads(body))


def client_of(service: httpx.AsyncBaseTransport, **options: Any) -> RuntimeManagerClient:
    """Return a client of this service, which never waits before it tries again."""
    options = {"retries": Retries(first_delay=0), **options}
    return RuntimeManagerClient(URL, transport=service, **options)


def answered(document: Any, status: int = 200, **headers: str) -> httpx.Response:
    """Return an answer with a JSON document."""
    return httpx.Response(status, json=document, headers=headers)


def failed(status: int, code: str, message: str = "why") -> httpx.Response:
    """Return an error in the contract's envelope."""
    document = {"error": {"code": code, "message": message}}
    return answered(document, status, **{"x-request-id": "from-the-service"})


@dataclass
class Chunks(httpx.AsyncByteStream):
    """A body that arrives in these pieces; an exception breaks the connection."""

    pieces: Iterable[bytes | Exception] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        for each in self.pieces:
            if isinstance(each, Exception):
                raise each
            yield each


def stream(*texts: str | Exception) -> httpx.Response:
    """Return an answer whose body arrives piece by piece, a line break after each."""
    pieces = [each if isinstance(each, Exception) else f"{each}\n".encode() for each in texts]
    return httpx.Response(200, stream=Chunks(pieces))
