"""The result in docs/benchmarks.md, between two markers; the rest is written by hand."""

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"
BEGIN = "<!-- result: written by `make bench` -->"
END = "<!-- end of the result -->"


def with_result(page: str, result: str) -> str:
    """Return the page with another result; raises ValueError unless it has both markers once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError("the page does not have each marker of the result once")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{result}\n\n{END}{after}"


def write_result(result: str) -> None:
    """Write the result into the page."""
    PAGE.write_text(with_result(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
