from bench.figures import Row
from bench.table import markdown_table


def test_table_shows_what_is_not_reached() -> None:
    """A goal that was missed stands out, a row without a goal claims nothing."""
    missed = Row("GET", "800/s", "FastAPI", "1,000/s", "0.80", "at least 1.2", is_reached=False)

    assert markdown_table([missed, Row("memory", "90 MiB")]).splitlines() == [
        "| what | measured | against | measured there | ratio | goal | reached |",
        "|---|---|---|---|---|---|---|",
        "| GET | 800/s | FastAPI | 1,000/s | 0.80 | at least 1.2 | **no** |",
        "| memory | 90 MiB | - | - | - | - | - |",
    ]
