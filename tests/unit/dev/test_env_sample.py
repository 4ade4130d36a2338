from pathlib import Path

from rtmanager.config import PREFIX, Settings

SAMPLE = Path(__file__).parents[3] / "dev" / "env.sample"


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.partition("=")[::2] for line in text.splitlines() if line.startswith(PREFIX))
    return dict(pairs)


def test_the_sample_is_a_valid_environment() -> None:
    """A copy of the sample is accepted by the service."""
    settings = Settings.from_environment(_assignments(SAMPLE.read_text()))

    assert settings.redis_master_addr.port == 6379


def test_the_sample_names_every_setting() -> None:
    """The sample lists every setting."""
    assert set(_everything()) == {PREFIX + field.upper() for field in Settings.model_fields}


def test_the_sample_describes_each_setting_as_check_config_does() -> None:
    """The comment above a setting is its description."""
    lines = SAMPLE.read_text().splitlines()
    described = {
        name: " ".join(_comment_above(lines, number))
        for number, line in enumerate(lines)
        if (name := line.removeprefix("# ").partition("=")[0]).startswith(PREFIX)
    }

    assert described == {
        PREFIX + name.upper(): field.description for name, field in Settings.model_fields.items()
    }


def test_the_sample_shows_the_defaults() -> None:
    """Uncommenting a line changes nothing."""
    defaults = Settings.from_environment(_assignments(SAMPLE.read_text()))

    spelled_out = Settings.from_environment(_everything())

    depends_on_the_machine = {"docker_start_concurrency"}
    assert spelled_out.model_dump(exclude=depends_on_the_machine) == defaults.model_dump(
        exclude=depends_on_the_machine
    )


def _comment_above(lines: list[str], number: int) -> list[str]:
    comment: list[str] = []
    for line in reversed(lines[:number]):
        if not line.startswith("# ") or line.startswith((f"# {PREFIX}", "# ---")):
            break
        comment.insert(0, line.removeprefix("# "))
    return comment


def _everything() -> dict[str, str]:
    return _assignments(SAMPLE.read_text().replace(f"# {PREFIX}", PREFIX))
