"""The command line `rtmanager`: one file per concern.

Commands import what they need when they run, so that quick commands stay quick.
"""

from rtmanager.cli.app import app, main
from rtmanager.cli.faults import refuse
from rtmanager.cli.serve import run_service

__all__ = ["app", "main", "refuse", "run_service"]
