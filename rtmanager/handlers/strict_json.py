"""Reading JSON: a body is one strictly parsed object in UTF-8 of bounded size.

Every refusal is an InvalidRequest whose message names the fault.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from email.message import Message
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

from jsonschema import ValidationError
from starlette.types import Receive, Scope

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.texts import quoted
from rtmanager.handlers.headers import values_of

MAX_BODY = 64 * 1024
_NAMED = 3
_REMEMBERED, _SHORT = 64, 1024
_JSON = "application/json"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_INVISIBLE = "a byte order mark, which editors do not show"
_JSON_TYPES = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


class BodyTooLarge(InvalidRequest):
    """the body is larger than 64 KiB."""


class SchemaValidator(Protocol):
    """A compiled JSON schema."""

    def iter_errors(self, instance: Any) -> Iterator[ValidationError]:
        """Yield the errors of `instance`."""


class ExpectedBody:
    """The body of an operation: one JSON object, read and checked by its schema.

    One that is not required may be left out, which is the same as an empty object.
    Callers send few different ones, so the latest short ones are remembered as they were read; a
    refusal raises, and so is never remembered.
    """

    def __init__(
        self, schema: SchemaValidator, example: str = "{}", *, is_required: bool = True
    ) -> None:
        self._schema = schema
        self._example = example
        self._is_required = is_required
        self._remembered = lru_cache(_REMEMBERED)(self._checked)

    async def read(self, scope: Scope, receive: Receive) -> Mapping[str, Any]:
        """Read the request's body; raise BodyTooLarge once it exceeds the limit.

        A caller who sent none is shown the example.
        """
        types = _texts_of(scope, b"content-type")
        if types:
            check_content_type(types)
        _check_announced_size(_texts_of(scope, b"content-length"))
        raw = await _read(receive)
        if not raw and not self._is_required:
            return _NOTHING
        if not raw:
            raise InvalidRequest(
                f"the body is missing; expected a JSON object such as {self._example}"
            )
        check_content_type(types)
        return self._remembered(raw) if len(raw) <= _SHORT else self._checked(raw)

    def _checked(self, raw: bytes) -> Mapping[str, Any]:
        body = parse_object(raw)
        check_schema(self._schema, body)
        return MappingProxyType(body)


def check_content_type(values: list[str]) -> None:
    """Raise unless there is one content type, application/json, in UTF-8 if it has a charset."""
    if values == [_JSON]:
        return
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
        value = _decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        fault = _INVISIBLE if raw.startswith(BOM_UTF8) else error.msg
        raise InvalidRequest(f"the body is not JSON at {place}: {fault}") from error
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


def _texts_of(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for value in values_of(scope, name)]


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


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode


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
