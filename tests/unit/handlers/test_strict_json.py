import pytest
from jsonschema import Draft4Validator
from starlette.types import Message

from rtmanager.domain.errors import InvalidRequest
from rtmanager.handlers import strict_json
from rtmanager.handlers.strict_json import (
    MAX_BODY,
    BodyTooLarge,
    ExpectedBody,
    check_content_type,
    check_schema,
    parse_object,
    quoted_names,
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
        await ExpectedBody(SCHEMA).read({"headers": headers}, receive)


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
        await ExpectedBody(SCHEMA, '{"a": 1}').read({"headers": headers}, receive)

    assert caught.value.message == message


async def test_caller_who_leaves_within_the_body_is_no_defect() -> None:
    """A truncated body is the caller's fault and is not logged as a defect."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidRequest, match="connection was closed"):
        await ExpectedBody(SCHEMA).read({"headers": HEADERS}, receive)


async def test_equal_bodies_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers send few different ones; one that is refused is refused again."""
    parsed: list[bytes] = []

    def counted(raw: bytes) -> dict[str, object]:
        parsed.append(raw)
        return parse_object(raw)

    monkeypatch.setattr(strict_json, "parse_object", counted)
    expected = ExpectedBody(SCHEMA)

    async def read(raw: bytes) -> object:
        async def receive() -> Message:
            return {"type": "http.request", "body": raw}

        return await expected.read({"headers": HEADERS}, receive)

    good, bad, long = b'{"a": "1", "b": "x"}', b"{}", b'{"a": "%b", "b": "x"}' % (b"1" * 2_000)
    first, second = await read(good), await read(good)
    for _ in range(2):
        await read(long)
        with pytest.raises(InvalidRequest, match="lacks 'a', 'b'"):
            await read(bad)

    assert first == second == {"a": "1", "b": "x"}
    assert parsed == [good, long, bad, long, bad]


async def test_a_body_that_is_remembered_cannot_be_changed() -> None:
    """The next request with the same body must not see what another one did to it."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"a": "1", "b": "x"}'}

    body = await ExpectedBody(SCHEMA).read({"headers": HEADERS}, receive)

    with pytest.raises(TypeError):
        body["a"] = "2"  # type: ignore[index]


def test_only_a_few_names_are_quoted() -> None:
    """Only the first three of many names are quoted."""
    assert quoted_names(["a", "b", "c", "d"]) == "'a', 'b', 'c', ..."
    assert quoted_names(["a"]) == "'a'"
