"""Asking again about the peers of open connections: who was admitted may be an engine by now."""

import asyncio

from rtmanager.server.admission import Admits, NotAdmitted, refuse_unless_admitted
from rtmanager.server.connections import Connections
from rtmanager.server.refusals import Reason

INTERVAL = 3.0
"""Seconds between two questions about the peers of open connections."""


class Readmission:
    """Closes the open connections of peers that are not admitted any more.

    Docker may not have answered when the peer was admitted, or its address may be another's by now.
    There is one question per peer, and none while no other machine is connected. A question that
    fails closes nothing.
    """

    def __init__(self, admits: Admits, connections: Connections) -> None:
        self._admits = admits
        self._all = connections
        self._round: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to ask about all peers, unless that is under way or there are none."""
        if self._all.peers() and (self._round is None or self._round.done()):
            self._round = asyncio.get_running_loop().create_task(self.ask(), name="readmission")

    async def ask(self) -> None:
        """Ask about every peer, and close the connections of those that are not admitted."""
        await asyncio.gather(*map(self._ask_about, self._all.peers()))

    async def _ask_about(self, peer: str) -> None:
        try:
            await refuse_unless_admitted(self._admits, peer)
        except NotAdmitted as refusal:
            if refusal.reason is Reason.NOT_ADMITTED:
                self._all.close(peer)
