"""The command line: its commands, in the order of the help."""

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from rtmanager import __version__
from rtmanager.cli import (
    actions,
    configuration,
    doctor,
    explain,
    faults,
    games,
    logs,
    nodes,
    operations,
    serve,
    service_state,
    tokens,
    watch,
)

app = typer.Typer(
    name="rtmanager",
    help="The Galaxy Runtime Manager: runs every game as one Docker container.",
    epilog=faults.explained(),
    no_args_is_help=True,
    # Texts in the help are no markup.
    rich_markup_mode=None,
    # Human-readable tracebacks show local variables, and those hold passwords.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes it by position
    if wanted:
        typer.echo(f"rtmanager {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Handle the options before the command."""


COMMANDS: Mapping[str, Callable[..., None]] = {
    "list": games.list_games,
    "get": games.get,
    "start": actions.start,
    "stop": actions.stop,
    "restart": actions.restart,
    "patch": actions.patch,
    "cleanup": actions.cleanup,
    "ops": operations.ops,
    "logs": logs.logs,
    "explain": explain.explain,
    "drift": service_state.drift,
    "watch": watch.watch,
    "workers": service_state.workers,
    "doctor": doctor.doctor,
    "serve": serve.serve,
    "migrate": serve.migrate,
    "check-config": configuration.check_config,
    "token": tokens.token,
}

for _name, _command in COMMANDS.items():
    app.command(_name)(_command)

app.add_typer(nodes.node, name="node")
