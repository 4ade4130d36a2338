import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.api_tokens import (
    CHECK_INTERVAL,
    ApiTokens,
    TokensFileError,
    line_of,
    new_token,
)

GM = line_of("gm-1", "gm", "first")
ADMIN = line_of("alice", "admin", "second")


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def later(self) -> None:
        """Let as much time pass as the file is not looked at."""
        self.time += CHECK_INTERVAL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with a token for each source."""
    path = tmp_path / "tokens"
    path.write_text(f"# callers\n\n{GM}\n  {ADMIN}  # until March\r\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def clock() -> Clock:
    """Return a clock for the file."""
    return Clock()


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[EventDict]]:
    """Capture the log."""
    with capture_logs() as captured:
        yield captured


def replace(path: Path, text: str) -> None:
    """Replace the file in one step, as operators should."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(path)


def holder(tokens: ApiTokens, token: bytes) -> tuple[str, OpSource] | None:
    """Return the name and the source of a token's holder."""
    found = tokens.holder_of(token)
    return (found.name, found.source) if found else None


def test_token_names_its_holder_and_source(path: Path) -> None:
    """Comments and blank lines are allowed; an unknown token has no holder."""
    tokens = ApiTokens(path)

    assert holder(tokens, b"first") == ("gm-1", OpSource.GM_REST)
    assert holder(tokens, b"second") == ("alice", OpSource.ADMIN_REST)
    assert holder(tokens, b"third") is None
    assert holder(tokens, sha256(b"first").hexdigest().encode()) is None


def test_caller_may_have_several_tokens(path: Path) -> None:
    """While a token is exchanged for another, both are known."""
    replace(path, f"{GM}\n{line_of('gm-1', 'gm', 'next').upper().replace('GM-1 GM', 'gm-1 gm')}")
    tokens = ApiTokens(path)

    assert holder(tokens, b"first") == holder(tokens, b"next") == ("gm-1", OpSource.GM_REST)


def test_hashes_are_compared_in_constant_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hash is compared, and by the function that takes as long for any difference."""
    compared: list[bytes] = []

    def compare(entry: bytes, digest: bytes) -> bool:
        compared.append(entry)
        return entry == digest

    tokens = ApiTokens(path)
    monkeypatch.setattr("hmac.compare_digest", compare)
    tokens.holder_of(b"first")

    assert len(compared) == 2


def test_changed_file_is_read_again_within_a_second(path: Path, clock: Clock) -> None:
    """A removed token is refused and a new one admitted, without a restart."""
    tokens = ApiTokens(path, clock)
    replace(path, line_of("gm-1", "gm", "next"))
    before = holder(tokens, b"next")
    clock.later()

    assert before is None
    assert holder(tokens, b"next") == ("gm-1", OpSource.GM_REST)
    assert holder(tokens, b"first") is None


def test_file_that_is_written_in_place_is_noticed(path: Path, clock: Clock) -> None:
    """A file of the same size and inode has another time."""
    tokens = ApiTokens(path, clock)
    text = path.read_text().replace("gm-1", "gm-2")
    path.write_text(text)
    os.utime(path, ns=(1, 1))
    clock.later()

    assert holder(tokens, b"first") == ("gm-2", OpSource.GM_REST)


def test_unchanged_file_is_not_read_again(path: Path, clock: Clock, lines: list[EventDict]) -> None:
    """As long as nothing has changed, the file is only looked at, once a second."""
    tokens = ApiTokens(path, clock)
    for _ in range(3):
        clock.later()
        tokens.holder_of(b"first")

    assert [line["event"] for line in lines] == ["api_tokens_read"]


BROKEN = {
    "not the three fields": ("gm-1 gm", "line 1 is not `name gm|admin sha256`"),
    "cut off": (f"{ADMIN}\n{GM[:-1]}", "line 2 is not"),
    "more fields": (f"{GM} x", "line 1 is not"),
    "another source": (GM.replace(" gm ", " lobby "), "line 1 is not"),
    "a strange name": (f"gm/{GM}", "line 1 is not"),
    "the token itself": ("gm-1 gm rtm_secret", "line 1 is not"),
    "twice": (f"{GM}\n{GM}", "has the same token twice"),
    "two holders": (f"{GM}\n{GM.replace('gm-1', 'gm-2')}", "has the same token twice"),
    "empty": ("", "has no tokens"),
    "only comments": ("# later\n\n", "has no tokens"),
    "too large": ("#" * ((1 << 20) + 1), "is larger than 1 MiB"),
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_without_quoting_it(path: Path, text: str, fault: str) -> None:
    """A fault names the line but not its text, in which somebody may have put a token."""
    replace(path, text)
    with pytest.raises(TokensFileError, match=fault.replace("|", r"\|")) as refused:
        ApiTokens(path)

    assert "secret" not in str(refused.value)


def test_other_things_than_files_are_refused(path: Path) -> None:
    """Neither a directory nor a pipe, for whose writer the process would wait, is a file."""
    path.unlink()
    with pytest.raises(TokensFileError, match="cannot be read: No such file"):
        ApiTokens(path)
    path.mkdir()
    with pytest.raises(TokensFileError, match="cannot be read: Is a directory"):
        ApiTokens(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(TokensFileError, match="is not a file"):
        ApiTokens(path)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    """A file in another encoding is not guessed at."""
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(TokensFileError, match="is not UTF-8"):
        ApiTokens(path)


def test_file_that_everybody_may_write_is_refused(path: Path) -> None:
    """Whoever can add a line can command the service."""
    path.chmod(0o602)

    with pytest.raises(TokensFileError, match="everybody may write"):
        ApiTokens(path)


def test_file_that_everybody_may_read_is_warned_of(path: Path, lines: list[EventDict]) -> None:
    """The hashes of random tokens reveal nothing, but a file may have others."""
    path.chmod(0o644)
    ApiTokens(path)

    assert [line["event"] for line in lines] == [
        "api_tokens_read",
        "api_tokens_readable_by_everybody",
    ]
    assert lines[1]["path"] == str(path)
    assert "chmod o=" in lines[1]["advice"]


@pytest.mark.parametrize("text", ["", f"{GM}\nhalf a li", None])
def test_broken_file_keeps_the_last_tokens_and_is_logged_once(
    path: Path, clock: Clock, lines: list[EventDict], text: str | None
) -> None:
    """A file that is half written, or gone, neither shuts everybody out nor fills the log."""
    tokens = ApiTokens(path, clock)
    replace(path, text) if text is not None else path.unlink()
    for _ in range(3):
        clock.later()
        assert holder(tokens, b"second") == ("alice", OpSource.ADMIN_REST)
    replace(path, GM)
    clock.later()
    after = holder(tokens, b"second")

    assert after is None
    assert [line["event"] for line in lines] == [
        "api_tokens_read",
        "api_tokens_not_read",
        "api_tokens_read",
    ]
    assert lines[1]["kept"] == 2
    assert lines[1]["path"] == str(path)
    assert "correct the file" in lines[1]["advice"]


def test_new_tokens_are_long_and_differ() -> None:
    """A token has 256 random bits in letters that a header may contain."""
    made = {new_token() for _ in range(100)}

    assert len(made) == 100
    assert all(len(each) == len("rtm_") + 43 and each.startswith("rtm_") for each in made)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "#a", "é", "a" * 65])
def test_line_is_made_only_for_a_plain_name(name: str) -> None:
    """A name that the file could not contain is refused before a token is shown."""
    with pytest.raises(TokensFileError, match="1 to 64 letters"):
        line_of(name, "gm", "token")
