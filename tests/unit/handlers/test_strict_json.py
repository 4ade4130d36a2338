import pytest
from jsonschema import Draft4Validator

from rtmanager.domain.errors import InvalidRequest
from rtmanager.handlers.asgi import Message
from rtmanager.handlers.strict_json import (
    MAX_BODY,
    BodyTooLarge,
    check_content_type,
    check_schema,
    parse_object,
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
    """A message about a wrong value tells the rule, not the value, which may be huge."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(SCHEMA, {"a": 1, "b": "z" * 10_000})

    assert caught.value.message == "a must be of type string; b must be one of x, y"


@pytest.mark.parametrize("value", [b"application/json", b"application/json; charset=UTF-8"])
def test_json_content_types_pass(value: bytes) -> None:
    """JSON has one charset, which need not be named."""
    check_content_type([value])


@pytest.mark.parametrize("values", [[], [b"text/json"], [b"application/json"] * 2])
def test_other_content_types_are_refused(values: list[bytes]) -> None:
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
