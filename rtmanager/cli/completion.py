"""Completes game ids in the shell, from the running service."""

import asyncio
import os
from pathlib import Path


def game_ids(incomplete: str) -> list[str]:
    """Return the ids that begin so; none if the service does not answer at once."""
    # A fault here would appear in the middle of the line that is being written.
    try:
        return asyncio.run(_game_ids(incomplete))
    except (Exception, SystemExit):  # noqa: BLE001 - see above
        return []


async def _game_ids(incomplete: str) -> list[str]:
    from rtmanager.cli.remote import DEFAULT_URL, token_of  # noqa: PLC0415 - slow
    from rtmanager.client import Retries, RuntimeManagerClient, Timeouts  # noqa: PLC0415 - slow

    file = os.environ.get("RTM_TOKEN_FILE")
    async with RuntimeManagerClient(
        os.environ.get("RTM_URL") or DEFAULT_URL,
        token=token_of(Path(file) if file else None),
        timeouts=Timeouts(connect=1, read=1),
        retries=Retries(tries=1),
    ) as service:
        found = await service.list()
    return [each.game_id for each in found if each.game_id.startswith(incomplete)]
