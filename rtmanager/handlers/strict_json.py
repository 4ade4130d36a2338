"""Reading and writing JSON: a body is one strictly parsed object in UTF-8 of bounded size.

Every refusal is an InvalidRequest whose message names the fault.
"""

import json
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any, Protocol

from jsonschema import ValidationError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.texts import quoted

MAX_BODY = 64 * 1024
_NAMED = 3
_JSON_TYPES = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}

JsonObject = Mapping[str, object]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class AsciiJson(JSONResponse):
    """A JSON response in ASCII, which can be sent even if its texts contain lone surrogates.

    No cache keeps it: it is only true for a moment, and may concern its caller alone.
    """

    def render(self, content: JsonObject) -> bytes:
        """Return the encoded body."""
        return _encode(content).encode("ascii")

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the headers of every answer in JSON."""
        super().init_headers(headers)
        self.raw_headers.append((b"cache-control", b"no-store"))


class BodyTooLarge(InvalidRequest):
    """the body is larger than 64 KiB."""


class SchemaValidator(Protocol):
    """A compiled JSON schema."""

    def iter_errors(self, instance: Any) -> Iterator[ValidationError]:
        """Yield the errors of `instance`."""


async def read_object(scope: Scope, receive: Receive, example: str = "{}") -> dict[str, Any]:
    """Read the request's body; raise BodyTooLarge once it exceeds the limit.

    A caller who sent none is shown the example.
    """
    headers = Headers(scope=scope)
    types = headers.getlist("content-type")
    if types:
        check_content_type(types)
    _check_announced_size(headers.getlist("content-length"))
    raw = await _read(receive)
    if not raw:
        raise InvalidRequest(f"the body is missing; expected a JSON object such as {example}")
    check_content_type(types)
    return parse_object(raw)


def check_content_type(values: list[str]) -> None:
    """Raise unless there is one content type, application/json, in UTF-8 if it has a charset."""
    if not values:
        raise InvalidRequest("the body has no Content-Type header, expected application/json")
    if len(values) > 1:
        raise InvalidRequest(f"{len(values)} Content-Type headers, expected application/json once")
    parsed = Message()
    parsed["content-type"] = values[0]
    charset = parsed.get_content_charset("utf-8")
    if parsed.get_content_type() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise InvalidRequest(f"the content type is {quoted(values[0])}, expected application/json")


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`."""
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"the body is not JSON at {place}: {error.msg}") from error
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deeply") from error
    except ValueError as error:  # Python's limit on the digits of a number
        raise InvalidRequest("the body has a number with too many digits") from error
    if not isinstance(value, dict):
        kind = _JSON_TYPES.get(type(value), "a number")
        raise InvalidRequest(f"the body is {kind}, expected a JSON object")
    return value


def check_schema(validator: SchemaValidator, body: dict[str, Any]) -> None:
    """Raise with the first few faults unless the body matches the spec."""
    if faults := faults_of(validator, body, "the body"):
        raise InvalidRequest("; ".join(faults))


def faults_of(validator: SchemaValidator, value: object, name: str) -> list[str]:
    """Return the first few faults of a value, each once; what is in it is never quoted."""
    faults = dict.fromkeys(_fault(error, name) for error in validator.iter_errors(value))
    return list(faults)[:_NAMED]


def quoted_names(names: list[str]) -> str:
    """Quote the first few names."""
    return ", ".join(map(quoted, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")


def _check_announced_size(values: list[str]) -> None:
    """Raise if the announced size is too large, before reading the body."""
    if any(value.isdecimal() and int(value) > MAX_BODY for value in values):
        raise BodyTooLarge


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the connection was closed before the body was complete")
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; refuse repeated keys, whose meaning JSON leaves open."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidRequest(f"the body has the key {quoted(key)} twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise InvalidRequest(f"the body has {name}, which is not JSON")


def _fault(error: ValidationError, name: str) -> str:
    place = ".".join(map(str, error.absolute_path)) or name
    rule: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    match error.validator:
        case "required":
            missing = [name for name in rule if name not in instance]
            return f"{place} lacks {quoted_names(missing)}"
        case "additionalProperties":
            unknown = [name for name in instance if name not in schema["properties"]]
            return f"{place} has an unknown key: {quoted_names(unknown)}"
        case "type":
            return f"{place} must be of type {rule}"
        case "enum":
            return f"{place} must be one of {', '.join(rule)}"
    return f"{place} does not satisfy {error.validator}"
