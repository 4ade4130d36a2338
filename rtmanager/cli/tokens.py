"""`token`: makes a caller's token."""

from enum import StrEnum
from typing import Annotated

import typer

from rtmanager.cli.faults import refuse


class TokenSource(StrEnum):
    """What a token's operations are logged with: `gm_rest` or `admin_rest`."""

    GM = "gm"
    ADMIN = "admin"


def token(
    name: Annotated[str, typer.Argument(help="The caller's name, for the log.")],
    *,
    source: Annotated[
        TokenSource, typer.Option(help="The source that its operations are logged with.")
    ],
) -> None:
    """Make a token for a caller.

    Prints the line of RTMANAGER_API_TOKENS_FILE that admits it. Only that line goes to standard
    output, for `>> FILE`; run `umask 077` before, or everybody may read a new file. The token
    itself is shown once and is stored nowhere.
    """
    from rtmanager.handlers.api_tokens import (  # noqa: PLC0415 - slow
        TokensFileError,
        line_of,
        new_token,
    )

    made = new_token()
    try:
        line = line_of(name, source, made)
    except TokensFileError as error:
        refuse(str(error))
    typer.echo(f"The token of {name}, sent as `Authorization: Bearer TOKEN`:\n{made}", err=True)
    typer.echo(line)
