"""Reads JSON into the frozen dataclasses of `answers`: new properties pass, missing ones do not."""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_Answer = TypeVar("_Answer", bound="Answer")
_Reader = Callable[[Any], Any]


class Malformed(ValueError):
    """A JSON document is not what the contract says; the message names the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What all answers have: the JSON object as it was received, new properties included."""

    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read(kind: type[_Answer], document: object) -> _Answer:
    """Read a JSON object; raise Malformed. A property whose field has a default may be missing."""
    if not isinstance(document, dict):
        raise Malformed(f"expected an object for {kind.__name__}, not {_shown(document)}")
    values = {}
    for name, reader, is_required in _readers(cast("Any", kind)):
        if name in document:
            try:
                values[name] = reader(document[name])
            except (Malformed, ValueError, TypeError) as fault:
                raise Malformed(f"{name}: {fault}") from fault
        elif is_required:
            raise Malformed(f"{kind.__name__} lacks {name!r}")
    return kind(**values, json=document)


@cache
def _readers(kind: Any) -> tuple[tuple[str, _Reader, bool], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (each.name, _reader(hints[each.name]), each.default is MISSING)
        for each in fields(kind)
        if each.name != "json"
    )


def _reader(hint: Any) -> _Reader:
    """Return what reads a value of a field with this type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {types.UnionType, Union}:
        reader = _reader(next(each for each in arguments if each is not types.NoneType))
        return lambda value: None if value is None else reader(value)
    if origin is tuple:
        return _list_reader(_reader(arguments[0]))
    if origin is not None:  # a mapping, such as the details of a health event
        return _plain_reader(dict)
    return _value_reader(hint)


def _value_reader(kind: Any) -> _Reader:
    if issubclass(kind, Answer):
        return lambda value: read(kind, value)
    if kind is datetime:
        return lambda value: datetime.fromisoformat(_plain_reader(str)(value))
    if issubclass(kind, Enum):
        return lambda value: kind(_plain_reader(str)(value))
    return _plain_reader((int, float) if kind is float else kind)


def _list_reader(reader: _Reader) -> _Reader:
    def read_list(value: Any) -> tuple[Any, ...]:
        return tuple(reader(each) for each in _plain_reader(list)(value))

    return read_list


def _plain_reader(kind: type | tuple[type, ...]) -> _Reader:
    def read_plain(value: Any) -> Any:
        is_flag_for_number = isinstance(value, bool) and kind is not bool
        if is_flag_for_number or not isinstance(value, kind):
            raise Malformed(f"unexpected {_shown(value)}")
        return value

    return read_plain


def _shown(value: object) -> str:
    return "null" if value is None else f"a value of type {type(value).__name__}"
