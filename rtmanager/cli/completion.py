"""Completes ids of games and names of nodes in the shell, from the running service."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtmanager.client import RuntimeManagerClient

    Names = Callable[[RuntimeManagerClient], Awaitable[Iterable[str]]]


def game_ids(incomplete: str) -> list[str]:
    """Return the ids that begin so; none if the service does not answer at once."""

    async def names(service: "RuntimeManagerClient") -> Iterable[str]:
        return [each.game_id for each in await service.list()]

    return _beginning(incomplete, names)


def node_names(incomplete: str) -> list[str]:
    """Return the nodes' names that begin so; none if the service does not answer at once."""

    async def names(service: "RuntimeManagerClient") -> Iterable[str]:
        return [each.name for each in await service.nodes()]

    return _beginning(incomplete, names)


def _beginning(incomplete: str, names: "Names") -> list[str]:
    # A fault here would appear in the middle of the line that is being written.
    try:
        return [each for each in asyncio.run(_asked(names)) if each.startswith(incomplete)]
    except (Exception, SystemExit):  # noqa: BLE001 - see above
        return []


async def _asked(names: "Names") -> Iterable[str]:
    from rtmanager.cli.remote import DEFAULT_URL, token_of  # noqa: PLC0415 - slow
    from rtmanager.client import Retries, RuntimeManagerClient, Timeouts  # noqa: PLC0415 - slow

    file = os.environ.get("RTM_TOKEN_FILE")
    async with RuntimeManagerClient(
        os.environ.get("RTM_URL") or DEFAULT_URL,
        token=token_of(Path(file) if file else None),
        timeouts=Timeouts(connect=1, read=1),
        retries=Retries(tries=1),
    ) as service:
        return await names(service)
