"""`make fuzz` runs every fuzz for the time that it is given."""

from pathlib import Path

PROJECT = Path(__file__).parents[3]
MARK = "\npytestmark = pytest.mark.fuzz\n"


def test_every_fuzz_is_selected() -> None:
    """A module that reads the time has the mark, as one without it would be left out silently."""
    modules = {each.name: each.read_text() for each in PROJECT.glob("tests/acceptance/test_*.py")}
    reading = {name for name, text in modules.items() if '"FUZZ_SECONDS"' in text}

    assert reading == {"test_raw_bytes.py", "test_stream_fuzz.py"}
    assert {name for name, text in modules.items() if MARK in text} == reading
    assert " -m fuzz tests/acceptance " in (PROJECT / "Makefile").read_text()
