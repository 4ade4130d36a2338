"""Long lists, read while they arrive."""

import json

import pytest
from requests.exceptions import InvalidJSONError

from rtmanager.adapters.swarm.json_elements import json_elements

LIST = [{"ID": "a", "L": {"é": "🚀 ]},[{"}}, {}, {"ID": "b", "n": [1, {"x": None}]}]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_is_the_same_however_it_is_cut(size: int, indent: int | None) -> None:
    """Chunks end anywhere, within a character too."""
    sent = json.dumps(LIST, ensure_ascii=False, indent=indent).encode() + b"\n"

    found = list(json_elements(sent[at : at + size] for at in range(0, len(sent), size)))

    assert found == LIST


@pytest.mark.parametrize("sent", [b"[]\n", b"null\n", b"[ ]"])
def test_a_list_may_be_empty(sent: bytes) -> None:
    """Docker sends null for some."""
    assert list(json_elements([sent])) == []


@pytest.mark.parametrize(
    "sent", [b"", b'[{"a":1}', b'[{"a":1},', b'[{"a"', b"<html>", b'{"message":"no"', b"[1]"]
)
def test_what_breaks_off_or_is_no_list_is_an_error(sent: bytes) -> None:
    """Half of the services must not look like all of them."""
    with pytest.raises(InvalidJSONError):
        list(json_elements([sent]))


def test_an_element_is_there_before_the_next_has_arrived() -> None:
    """Nothing is collected."""

    def chunks() -> object:
        yield b'[{"a":1},'
        raise AssertionError("read on")

    assert next(json_elements(chunks())) == {"a": 1}  # type: ignore[arg-type] # an iterator
