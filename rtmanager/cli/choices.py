"""The words that options accept, and arguments that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

from rtmanager.cli.completion import game_ids

Game = Annotated[
    str, typer.Argument(metavar="GAME", help="The id of the game.", autocompletion=game_ids)
]
Image = Annotated[
    str, typer.Argument(metavar="IMAGE", help="An image reference, such as galaxy/game:1.4.7.")
]


class StatusChoice(StrEnum):
    """The statuses of records."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class HealthChoice(StrEnum):
    """The states of an engine's health."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    NOT_RUNNING = "not_running"


class ReasonChoice(StrEnum):
    """Why a game is stopped."""

    ADMIN_REQUEST = "admin_request"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    ORPHAN_CLEANUP = "orphan_cleanup"


class KindChoice(StrEnum):
    """What an operation does."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PATCH = "patch"
    CLEANUP_CONTAINER = "cleanup_container"
    RECONCILE_ADOPT = "reconcile_adopt"
    RECONCILE_DISPOSE = "reconcile_dispose"
    RECONCILE_OBSERVED_EXIT = "reconcile_observed_exit"


class SourceChoice(StrEnum):
    """Who has asked for an operation."""

    LOBBY_STREAM = "lobby_stream"
    GM_REST = "gm_rest"
    ADMIN_REST = "admin_rest"
    AUTO_TTL = "auto_ttl"
    AUTO_RECONCILE = "auto_reconcile"
