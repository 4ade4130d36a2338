"""The command line `rtmanager`: one file per concern.

Commands import what they need when they run, so that quick commands stay quick.
"""

import sys


def main() -> None:
    """Run the command line.

    `serve` alone needs no parser: the service stays as small as without one.
    """
    if sys.argv[1:] == ["serve"]:
        from rtmanager.cli.serve import serve  # noqa: PLC0415 - without the other commands

        serve()
    else:
        from rtmanager.cli.app import app  # noqa: PLC0415 - slow

        app()
