import json
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from rtmanager.handlers.ascii_json import AsciiJson, encode


class Colour(StrEnum):
    """A value as the domain has them."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True, 0.5, ""], "c": {}}, '{"b":1,"a":[null,true,0.5,""],"c":{}}'),
        ({"a": Colour.RED, "b": ("x", Colour.RED)}, '{"a":"red","b":["x","red"]}'),
        ({"a": 'x"\\/\b\n\x00\x1f'}, '{"a":"x\\"\\\\/\\b\\n\\u0000\\u001f"}'),
        ({"a": "é€𝄞"}, '{"a":"\\u00e9\\u20ac\\ud834\\udd1e"}'),
        ({"a": "\ud800"}, '{"a":"\\ud800"}'),
        ({"a": 2**70, "b": -1}, '{"a":1180591620717411303424,"b":-1}'),
        ({7: "a"}, '{"7":"a"}'),
    ],
)
def test_values_are_encoded_as_by_pythons_encoder(value: object, text: str) -> None:
    """Whichever encoder writes a value, callers see no difference."""
    assert encode(value) == text.encode("ascii")
    assert encode(value) == json.dumps(value, separators=(",", ":")).encode("ascii")


@pytest.mark.parametrize("text", ["", "é", "\ud800"])
def test_times_are_encoded_alike_by_both(text: str) -> None:
    """Whatever stands beside them, in RFC 3339 with Z."""
    at = datetime(2026, 4, 28, 20, 39, 18, 123456, tzinfo=UTC)

    assert encode({"at": at, "text": text}).startswith(b'{"at":"2026-04-28T20:39:18.123456Z",')


def test_what_is_no_json_is_a_defect() -> None:
    """As a rule somebody has forgotten to render it."""
    with pytest.raises(TypeError):
        encode({"a": object()})


def test_answer_has_each_header_once() -> None:
    """The size is that of the body, and no cache keeps it."""
    answer = AsciiJson({"a": "é"}, 401, {"www-authenticate": "Bearer"})

    assert answer.status_code == 401
    assert answer.raw_headers == [
        (b"content-length", b"14"),
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"www-authenticate", b"Bearer"),
    ]


def test_response_is_ascii_whatever_it_says() -> None:
    """Even a lone surrogate, which has no UTF-8 encoding, can be sent."""
    assert AsciiJson({"message": "\ud800é"}).body == b'{"message":"\\ud800\\u00e9"}'
