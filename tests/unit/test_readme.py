import re
from pathlib import Path

from rtmanager.config import PREFIX, Settings

README = Path(__file__).parents[2] / "README.md"
REQUIRED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://host/database",
    "RTMANAGER_REDIS_MASTER_ADDR": "host:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}
ROW = re.compile(r"^\| `([A-Z_]+)`(?: †)? \| (.*?) \| .+ \|$", re.MULTILINE)
DEPENDS_ON_THE_MACHINE = {"DOCKER_START_CONCURRENCY": "four per core, at most 32"}


def _table() -> dict[str, str]:
    return dict(ROW.findall(README.read_text()))


def test_the_readme_names_every_setting_and_no_other() -> None:
    """The table lists exactly the existing settings."""
    assert set(_table()) == {name.upper() for name in Settings.model_fields}


def test_the_readme_lists_the_defaults() -> None:
    """Every default in the table is the real one."""
    documented = _table()

    in_force = {
        shown.variable.removeprefix(PREFIX): f"`{shown.value}`" if shown.value else "-"
        for shown in Settings.from_environment(REQUIRED).shown()
    }
    required = {name.removeprefix(PREFIX): "**required**" for name in REQUIRED}
    assert documented == {**in_force, **required, **DEPENDS_ON_THE_MACHINE}


def test_the_readme_fits_the_page() -> None:
    """No line is longer than a usual terminal is wide."""
    too_long = [line for line in README.read_text().splitlines() if len(line) > 100]

    assert too_long == []
