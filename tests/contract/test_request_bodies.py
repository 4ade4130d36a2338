from collections.abc import Iterator

import pytest

from rtmanager.handlers.strict_json import MAX_BODY
from tests.contract.caller import JSON, RUNTIMES, Caller, Header
from tests.unit.domain.world import World

GAME = f"{RUNTIMES}/g1"
GOOD = b'{"image_ref": "galaxy/game:1.4.7"}'
BAD = {
    "empty": (b"", "the body is missing"),
    "blank": (b" \n", "not JSON"),
    "not JSON": (b"image_ref=galaxy/game:1.4.7", "line 1, column 1"),
    "two documents": (GOOD + GOOD, "not JSON"),
    "trailing comma": (b'{"image_ref": "x",}', "not JSON"),
    "comment": (b'{"image_ref": "x"} // now', "not JSON"),
    "array": (b"[]", "an array"),
    "string": (b'"galaxy/game:1.4.7"', "a string"),
    "number": (b"1", "a number"),
    "boolean": (b"true", "a boolean"),
    "null": (b"null", "null"),
    "missing key": (b"{}", "lacks 'image_ref'"),
    "unknown key": (GOOD[:-1] + b', "force": true}', "unknown key: 'force'"),
    "duplicate key": (GOOD[:-1] + b', "image_ref": "x"}', "'image_ref' twice"),
    "duplicate key inside": (b'{"image_ref": {"a": 1, "a": 2}}', "'a' twice"),
    "wrong type": (b'{"image_ref": 147}', "image_ref must be of type string"),
    "null value": (b'{"image_ref": null}', "image_ref must be of type string"),
    "NaN": (b'{"image_ref": NaN}', "NaN"),
    "Infinity": (b'{"image_ref": -Infinity}', "-Infinity"),
    "not UTF-8": (b'{"image_ref": "\xff"}', "not UTF-8 at byte 15"),
    "truncated UTF-8": (b'{"image_ref": "\xf0\x9f', "not UTF-8"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "not JSON at line 1, column 1: a byte order mark"),
    "raw control character": (b'{"image_ref": "\x00"}', "not JSON"),
    "deep nesting": (b'{"image_ref":' + b"[" * 30_000, "nested too deeply"),
    "endless number": (b'{"image_ref": ' + b"9" * 5_000 + b"}", "too many digits"),
    "strange key": (GOOD[:-1] + b', "\\ud800\\n\\u0000": 1}', r"'\ud800\n\x00'"),
    "endless key": (GOOD[:-1] + b', "' + b"k" * 50_000 + b'": 1}', "unknown key"),
}
STRANGE_IMAGES = {
    rb"a\u0000b": r"image_ref 'a\x00b' is not",
    rb"a\u001b[2J": r"image_ref 'a\x1b[2J' is not",
    rb"a\n\u00e9": r"image_ref 'a\n\xe9' is not",
    rb"a'b": r"image_ref 'a\x27b' is not",
}
WRONG_TYPES = {
    "none": [],
    "form": [b"application/x-www-form-urlencoded"],
    "text": [b"text/plain"],
    "other JSON": [b"application/problem+json"],
    "other charset": [b"application/json; charset=latin-1"],
    "two": [b"application/json", b"application/json"],
    "garbage": [b"\xff\x00;;=,"],
    "empty": [b""],
}


@pytest.mark.parametrize(("sent", "shown"), STRANGE_IMAGES.items())
async def test_strange_image_is_shown_escaped_once(sent: bytes, shown: str, caller: Caller) -> None:
    """The message names what the caller sent, and is safe to print."""
    body = b'{"image_ref": "%s"}' % sent
    answer = await caller.send("POST", f"{GAME}/start", body=body, headers=[JSON])

    assert answer.error == (400, "start_config_invalid")
    assert shown in answer.message


@pytest.mark.parametrize(("body", "fault"), BAD.values(), ids=BAD)
async def test_bad_body_is_refused_by_name(
    body: bytes, fault: str, caller: Caller, world: World
) -> None:
    """Anything but one valid JSON object gets 400 with the fault's name and has no effect."""
    answer = await caller.send("POST", f"{GAME}/start", body=body, headers=[JSON])

    assert answer.error == (400, "invalid_request")
    assert fault in answer.message
    assert len(answer.message) < 500
    assert answer.message.isprintable()
    assert world.operations == []


@pytest.mark.parametrize("values", WRONG_TYPES.values(), ids=WRONG_TYPES)
async def test_wrong_content_type_is_refused(
    values: list[bytes], caller: Caller, world: World
) -> None:
    """A body is JSON only if exactly one content type says so."""
    headers = [(b"content-type", value) for value in values]

    answer = await caller.send("POST", f"{GAME}/start", body=GOOD, headers=headers)

    assert answer.error == (400, "invalid_request")
    assert "application/json" in answer.message
    assert world.operations == []


@pytest.mark.parametrize(
    "value",
    [b"application/json;charset=utf-8", b'Application/JSON; Charset="UTF-8"', b"application/json"],
)
async def test_content_type_may_name_utf_8(value: bytes, caller: Caller) -> None:
    """The content type is case-insensitive and may name JSON's charset."""
    headers = [(b"content-type", value)]

    answer = await caller.send("POST", f"{GAME}/start", body=GOOD, headers=headers)

    assert answer.status == 200


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1])
async def test_body_may_have_64_kib(size: int, caller: Caller) -> None:
    """A body of 64 KiB is accepted; one byte more is 413."""
    body = GOOD + b" " * (size - len(GOOD))

    answer = await caller.send("POST", f"{GAME}/start", body=body, headers=[JSON])

    assert answer.status == (200 if size == MAX_BODY else 413)


async def test_body_in_pieces_is_read_whole(caller: Caller) -> None:
    """A body may come in any number of pieces, without a Content-Length."""
    pieces = [GOOD[index : index + 1] for index in range(len(GOOD))]

    answer = await caller.send("POST", f"{GAME}/start", body=pieces, headers=[JSON])

    assert answer.status == 200


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10485760")]])
async def test_oversized_body_is_cut_off_early(
    headers: list[Header], caller: Caller, world: World
) -> None:
    """A body of 10 MB gets 413 without being read, whether or not its length is announced."""

    def pieces() -> Iterator[bytes]:
        for _ in range(1_280):
            yield b" " * 8_192

    answer = await caller.send("POST", f"{GAME}/start", body=pieces(), headers=[JSON, *headers])

    assert answer.error == (413, "invalid_request")
    assert caller.taken <= 2 * MAX_BODY
    assert world.operations == []


@pytest.mark.parametrize("body", [b"garbage", b"\xff" * 100_000, b'{"a": 1, "a": 2}'])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", GAME),
        ("GET", RUNTIMES),
        ("POST", f"{GAME}/restart"),
        ("DELETE", f"{GAME}/container"),
    ],
)
async def test_body_where_none_is_described_is_ignored(
    method: str, path: str, body: bytes, caller: Caller
) -> None:
    """Operations without a body ignore a body and its content type."""
    await caller.start("g1")
    headers = [(b"content-type", b"\xff;garbage")]

    plain = await caller.send(method, path)
    answer = await caller.send(method, path, body=body, headers=headers)

    assert answer.status == plain.status in {200, 409}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("start", {"image_ref": "x"}),
        ("stop", {"reason": "finished"}),
        ("patch", {"image_ref": "x"}),
    ],
)
async def test_unknown_query_parameter_is_refused_where_400_is_documented(
    path: str, body: dict[str, str], caller: Caller
) -> None:
    """Operations that can answer 400 refuse query parameters, all of which are unknown."""
    answer = await caller.post(f"{GAME}/{path}?force=1&%ff=%00", body)

    assert answer.error == (400, "invalid_request")
    assert answer.message.startswith("the query has an unknown parameter: 'force'")
    assert answer.message.endswith("; there are none")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", RUNTIMES),
        ("GET", GAME),
        ("POST", f"{GAME}/restart"),
    ],
)
async def test_unknown_query_parameter_is_ignored_elsewhere(
    method: str, path: str, caller: Caller
) -> None:
    """Operations that cannot answer 400 ignore query parameters."""
    await caller.start("g1")

    assert (await caller.send(method, f"{path}?force=1&%ff=%00")).status == 200
