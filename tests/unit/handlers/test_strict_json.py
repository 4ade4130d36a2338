import pytest
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
    """A JSON object in UTF-8 is parsed, with escapes and nested values."""
    assert parse_object('{"a": ["é", "\\u00e9", null, 1.5]}'.encode()) == {
        "a": ["é", "é", None, 1.5]
    }


def test_fault_of_syntax_names_its_place() -> None:
    """A syntax error is reported with line and column."""
    with pytest.raises(InvalidRequest, match=r"line 2, column 6"):
        parse_object(b'{\n"a": ?}')


def test_all_faults_of_the_schema_are_named_once() -> None:
    """Several faults are reported at once, each of them once."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(SCHEMA, {"c": 1})

    assert caught.value.message.count("lacks") == 1
    assert "lacks 'a', 'b'" in caught.value.message
    assert "unknown key: 'c'" in caught.value.message


def test_values_are_never_quoted() -> None:
    """The message names the rule and never quotes the value, which may be huge."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(SCHEMA, {"a": 1, "b": "z" * 10_000})

    assert caught.value.message == "a must be of type string; b must be one of x, y"


@pytest.mark.parametrize("value", ["application/json", "application/json; charset=UTF-8"])
def test_json_content_types_pass(value: str) -> None:
    """JSON's only charset may be named or omitted."""
    check_content_type([value])


@pytest.mark.parametrize("values", [[], ["text/json"], ["application/json"] * 2])
def test_other_content_types_are_refused(values: list[str]) -> None:
    """Exactly one content type is accepted, and it must be JSON's."""
    with pytest.raises(InvalidRequest, match="expected application/json"):
        check_content_type(values)


async def test_announced_size_is_refused_unread() -> None:
    """A body whose announced length is too large is not read."""

    async def receive() -> Message:
        pytest.fail("the body was read")

    headers = [*HEADERS, (b"content-length", str(MAX_BODY + 1).encode())]

    with pytest.raises(BodyTooLarge):
        await read_object({"headers": headers}, receive)


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ([], b"", 'the body is missing; expected a JSON object such as {"a": 1}'),
        (HEADERS, b"", 'the body is missing; expected a JSON object such as {"a": 1}'),
        ([], b"{}", "the body has no Content-Type header, expected application/json"),
        (HEADERS * 2, b"", "2 Content-Type headers, expected application/json once"),
    ],
)
async def test_missing_body_is_told_from_a_missing_type(
    headers: list[tuple[bytes, bytes]], body: bytes, message: str
) -> None:
    """Who sends nothing is shown what to send; who sends something of no type is told so."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    with pytest.raises(InvalidRequest) as caught:
        await read_object({"headers": headers}, receive, '{"a": 1}')

    assert caught.value.message == message


async def test_caller_who_leaves_within_the_body_is_no_defect() -> None:
    """A truncated body is the caller's fault and is not logged as a defect."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidRequest, match="connection was closed"):
        await read_object({"headers": HEADERS}, receive)


def test_response_is_ascii_whatever_it_says() -> None:
    """Even a lone surrogate, which has no UTF-8 encoding, can be sent."""
    assert AsciiJson({"message": "\ud800é"}).body == b'{"message":"\\ud800\\u00e9"}'


def test_only_a_few_names_are_quoted() -> None:
    """Only the first three of many names are quoted."""
    assert quoted_names(["a", "b", "c", "d"]) == "'a', 'b', 'c', ..."
    assert quoted_names(["a"]) == "'a'"
