import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFERENCES = re.findall(
    r"`(tests/[a-z_0-9/]+\.py)(?:::(\w+))?`", (ROOT / "docs/security.md").read_text()
)


def _functions(path: str) -> set[str]:
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    return {each.name for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_table_of_threats_names_tests_that_exist() -> None:
    """A defence whose test was renamed or deleted would only seem to be tested."""
    missing = [
        (path, name)
        for path, name in REFERENCES
        if not (ROOT / path).exists() or (name and name not in _functions(path))
    ]

    assert len(REFERENCES) > 80
    assert missing == []
