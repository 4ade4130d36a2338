"""The client's methods that change a game."""

import math
from uuid import uuid4

from rtmanager.client.answers import RuntimeRecord
from rtmanager.client.errors import ClientError, Conflict
from rtmanager.client.operations import OperationLog
from rtmanager.client.queries import OperationFilter
from rtmanager.client.request import Request, runtime_path
from rtmanager.client.retries import Repeats
from rtmanager.client.vocabulary import Outcome, StopReason


class Actions(OperationLog):
    """Starts, stops, restarts, patches and cleans up.

    A method returns the record when the operation has finished, however long that takes. Under
    `request_id` (by default one is drawn) the operation log has the operation, also while it runs.
    """

    async def start(
        self, game_id: str, image_ref: str, *, request_id: str | None = None
    ) -> RuntimeRecord:
        """Start a game's engine; one that runs this image already is a replay."""
        path = runtime_path(game_id, "start")
        return await self._replayed(self._post(path, request_id, image_ref=image_ref))

    async def stop(
        self, game_id: str, reason: StopReason | str, *, request_id: str | None = None
    ) -> RuntimeRecord:
        """Stop a game's engine; one that does not run is a replay."""
        path = runtime_path(game_id, "stop")
        return await self._replayed(self._post(path, request_id, reason=str(reason)))

    async def restart(self, game_id: str, *, request_id: str | None = None) -> RuntimeRecord:
        """Run the same image in a new container.

        It is tried again only if the request was not sent. After a lost connection the operation
        log says what became of it.
        """
        path = runtime_path(game_id, "restart")
        request = self._action("POST", path, Repeats.UNSAFE, request_id)
        return await self._connection.call(request, RuntimeRecord)

    async def patch(
        self, game_id: str, image_ref: str, *, request_id: str | None = None
    ) -> RuntimeRecord:
        """Move a game to another patch level; the one that runs already is a replay."""
        path = runtime_path(game_id, "patch")
        return await self._replayed(self._post(path, request_id, image_ref=image_ref))

    async def cleanup(self, game_id: str, *, request_id: str | None = None) -> RuntimeRecord:
        """Remove the container of a stopped game; without a container it is a replay."""
        path = runtime_path(game_id, "container")
        return await self._replayed(self._action("DELETE", path, Repeats.REPLAY, request_id))

    async def _replayed(self, request: Request) -> RuntimeRecord:
        """Send a request that may be repeated.

        If the connection was lost, the first try may still run, and the second waits for the game
        only for some seconds before it is a conflict: then wait for the first, and ask again.
        """
        try:
            return await self._connection.call(request, RuntimeRecord)
        except Conflict:
            if not await self._first_try_finished(request.request_id):
                raise
        return await self._connection.call(request, RuntimeRecord)

    async def _first_try_finished(self, request_id: str) -> bool:
        """Wait for the operation that an earlier try began; False if there is none."""
        own = OperationFilter(source_ref=request_id, outcome=Outcome.OPEN)
        try:
            found = (await self.operations(own)).items
            for each in found:
                await self.operation(each.operation_id, wait=math.inf)
        except ClientError:
            return False
        return bool(found)

    def _post(self, path: str, request_id: str | None, **body: str) -> Request:
        return self._action("POST", path, Repeats.REPLAY, request_id, **body)

    def _action(
        self, method: str, path: str, repeats: Repeats, request_id: str | None, **body: str
    ) -> Request:
        return Request(
            method=method,
            path=path,
            timeout=self._timeouts.reading(self._timeouts.operation),
            repeats=repeats,
            body=body or None,
            request_id=request_id or uuid4().hex,
        )
