import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from starlette.types import Message

from rtmanager.domain.errors import InvalidRequest
from rtmanager.handlers.strict_json import (
    MAX_BODY,
    AsciiJson,
    BodyTooLarge,
    check_content_type,
    check_schema,
    parse_object,
    quoted,
    quoted_names,
    read_object,
)

SCHEMA = Draft4Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["a", "b"],
        "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}},
    }
)
HEADERS = [(b"content-type", b"application/json")]


def test_object_is_parsed() -> None:
    """A JSON object in UTF-8 is taken as it is, escapes and nested values too."""
    assert parse_object('{"a": ["é", "\\u00e9", null, 1.5]}'.encode()) == {
        "a": ["é", "é", None, 1.5]
    }


def test_fault_of_syntax_names_its_place() -> None:
    """Line and column lead to the fault."""
    with pytest.raises(InvalidRequest, match=r"line 2, column 6"):
        parse_object(b'{\n"a": ?}')


def test_all_faults_of_the_schema_are_named_once() -> None:
    """The caller learns of several faults at once, and of each only once."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(SCHEMA, {"c": 1})

    assert caught.value.message.count("lacks") == 1
    assert "lacks 'a', 'b'" in caught.value.message
    assert "unknown key: 'c'" in caught.value.message


def test_values_are_never_quoted() -> None:
    """A message about a wrong value names the rule, not the value, which may be huge."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(SCHEMA, {"a": 1, "b": "z" * 10_000})

    assert caught.value.message == "a must be of type string; b must be one of x, y"


@pytest.mark.parametrize("value", ["application/json", "application/json; charset=UTF-8"])
def test_json_content_types_pass(value: str) -> None:
    """JSON has one charset, which need not be named."""
    check_content_type([value])


@pytest.mark.parametrize("values", [[], ["text/json"], ["application/json"] * 2])
def test_other_content_types_are_refused(values: list[str]) -> None:
    """Exactly one content type, and that JSON's."""
    with pytest.raises(InvalidRequest, match="expected application/json"):
        check_content_type(values)


async def test_announced_size_is_refused_unread() -> None:
    """A body that says it is too large is not even begun."""

    async def receive() -> Message:
        pytest.fail("the body was read")

    headers = [*HEADERS, (b"content-length", str(MAX_BODY + 1).encode())]

    with pytest.raises(BodyTooLarge):
        await read_object({"headers": headers}, receive)


async def test_caller_who_leaves_within_the_body_is_no_defect() -> None:
    """Half a body is the caller's fault, whose answer nobody waits for."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidRequest, match="went away"):
        await read_object({"headers": HEADERS}, receive)


def test_response_is_ascii_whatever_it_says() -> None:
    """Even half a surrogate pair, which has no UTF-8, can be sent."""
    assert AsciiJson({"message": "\ud800é"}).body == b'{"message":"\\ud800\\u00e9"}'


@given(st.text(st.characters()))
def test_quoted_text_is_printable_ascii_and_short(text: str) -> None:
    """Whatever a caller sends can stand in a message and a log line."""
    result = quoted(text)

    assert result.isascii()
    assert result.isprintable()
    assert len(result) < 1_000


def test_only_a_few_names_are_quoted() -> None:
    """Of many names the first three are enough."""
    assert quoted_names(["a", "b", "c", "d"]) == "'a', 'b', 'c', ..."
    assert quoted_names(["a"]) == "'a'"
