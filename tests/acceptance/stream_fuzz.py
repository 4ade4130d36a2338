"""Entries that no Lobby would add to a job stream: of any bytes, sizes and shapes, by a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.acceptance.streams import START_JOBS, STOP_JOBS

MEGABYTE = 1_000_000
MAX_GAME_ID = 255
HUGE_ID = b"18446744073709551000-%d"
"""Almost the highest id that there can be; what is added after one of these gets a higher one."""

Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class FuzzedEntry:
    """An entry that is no valid job, and the stream to which it is added."""

    stream: str
    pairs: tuple[Pair, ...]
    entry_id: bytes = b"*"

    @property
    def arguments(self) -> tuple[str | bytes, ...]:
        """The arguments of XADD."""
        return (self.stream, self.entry_id, *(part for pair in self.pairs for part in pair))

    @property
    def game_id(self) -> str | None:
        """The game id, if it can be read: there is one, in UTF-8, printable and not too long."""
        given = [value for name, value in self.pairs if name == b"game_id"]
        try:
            (text,) = [each.decode() for each in given]
        except ValueError:
            return None
        return text if text.isprintable() and 0 < len(text) <= MAX_GAME_ID else None


class Fuzzer:
    """Makes entries, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated by its seed
        self._kinds: tuple[Callable[[], list[Pair]], ...] = (
            self._random_bytes,
            self._half,
            self._wrong_type,
            self._strange_id,
            self._repeated,
            self._long_value,
            self._long_name,
            self._thousands_of_fields,
            self._to_be_escaped,
        )

    def batch(self) -> Iterator[FuzzedEntry]:
        """Yield one entry of each kind, in any order, to either stream."""
        for make in self._random.sample(self._kinds, len(self._kinds)):
            pairs = make()
            yield FuzzedEntry(self._stream(), tuple(pairs))

    def with_huge_ids(self) -> Iterator[FuzzedEntry]:
        """Yield entries with ids from the end of time, after which no smaller one can be added."""
        for number, stream in enumerate((START_JOBS, STOP_JOBS), 1):
            yield FuzzedEntry(stream, tuple(self._half()), HUGE_ID % number)

    def _stream(self) -> str:
        return self._random.choice((START_JOBS, STOP_JOBS))

    def _bytes(self, longest: int) -> bytes:
        return self._random.randbytes(self._random.randint(1, longest))

    def _job(self) -> dict[bytes, bytes]:
        """Return a job for either stream, which is valid but for its fields of both."""
        game = f"fuzzed-{self._random.randrange(5)}".encode()
        job = {b"game_id": game, b"image_ref": b"galaxy/game:1.4.7", b"reason": b"finished"}
        return job | {b"requested_at_ms": b"1"}

    def _random_bytes(self) -> list[Pair]:
        return [(self._bytes(40), self._bytes(400)) for _ in range(self._random.randint(1, 6))]

    def _half(self) -> list[Pair]:
        job = list(self._job().items())
        return self._random.sample(job, self._random.randint(1, 2))

    def _wrong_type(self) -> list[Pair]:
        wrong = self._random.choice((b"", b"-1", b"1e9", b"null", b"{}", b"9" * 400, b"\xff\xfe"))
        job = self._job()
        return list((job | {self._random.choice(list(job)): wrong}).items())

    def _strange_id(self) -> list[Pair]:
        ids = ("", "no/way", "..", "\0", "a\nb", "🎲", "x" * 255, "x" * 256, "\u202ea", "%00")
        strange = self._random.choice((*(each.encode() for each in ids), b"\xed\xa0\x80"))
        return list((self._job() | {b"game_id": strange}).items())

    def _repeated(self) -> list[Pair]:
        job = list(self._job().items())
        return [*job, *self._random.sample(job, 2)]

    def _long_value(self) -> list[Pair]:
        job = self._job()
        name = self._random.choice(list(job))
        text = self._random.choice((b"x", "é".encode(), "🎲".encode(), b"\xff", b"\0"))
        return list((job | {name: text * (MEGABYTE // len(text))}).items())

    def _long_name(self) -> list[Pair]:
        return [*self._job().items(), (self._bytes(1) * MEGABYTE, b"1")]

    def _thousands_of_fields(self) -> list[Pair]:
        many = [(b"field-%d" % number, self._bytes(50)) for number in range(5_000)]
        many[self._random.randrange(5_000)] = b"game_id", b"fuzzed-many"
        return many

    def _to_be_escaped(self) -> list[Pair]:
        unit = self._random.choice((b"\x01", b'"', b"\\", b"\xff", "\u2028".encode()))
        return [*self._job().items(), *((b"%d" % at + unit * 3_000,) * 2 for at in range(64))]
