"""`check-config`: the settings, as they are or as they are wrong."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.env_file import EnvFile, hint, variables
from rtmanager.cli.faults import refuse
from rtmanager.cli.serve import in_plain_words
from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from rtmanager.config import Settings, ShownSetting


def check_config(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    env_file: EnvFile = None,
) -> None:
    """Show every setting and where it comes from.

    Secrets are masked. If settings are wrong, names every fault and exits with 1. Files that
    settings name are read too: secrets, tokens and certificates. Servers, the Docker network and
    the state root are checked by `rtmanager doctor`, and when the service starts.
    """
    from rtmanager.config import ConfigError  # noqa: PLC0415 - slow
    from rtmanager.config.given import shown_despite  # noqa: PLC0415 - slow

    given = variables(env_file)
    try:
        settings = _settings_with_their_files(given)
    except ConfigError as error:
        _print(list(shown_despite(error, given)), error.faults, as_json=as_json)
        refuse(in_plain_words(error.faults) + hint(env_file))
    _print(list(settings.shown()), (), as_json=as_json)


def _settings_with_their_files(given: Mapping[str, str]) -> "Settings":
    from rtmanager.bootstrap.named_files import file_faults  # noqa: PLC0415 - slow
    from rtmanager.config import ConfigError, Settings  # noqa: PLC0415 - slow

    settings = Settings.from_environment(given)
    faults = tuple(file_faults(settings))
    if faults:
        raise ConfigError(faults)
    return settings


def _print(settings: "list[ShownSetting]", faults: tuple[object, ...], *, as_json: bool) -> None:
    if as_json:
        document = {
            "settings": [asdict(each) for each in settings],
            "faults": [asdict(each) for each in faults],  # type: ignore[call-overload]
        }
        screen.print_json(document)
        return
    width = max((len(each.variable) for each in settings), default=0)
    for each in settings:
        value = plain(each.value) or "-"
        typer.echo(f"{each.variable:<{width}}  {each.source:<11}  {value}")
