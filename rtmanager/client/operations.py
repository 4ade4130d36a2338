"""The client's methods for the operation log."""

from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta

from rtmanager.client.answers import Operation, OperationsPage
from rtmanager.client.connection import Connection
from rtmanager.client.queries import OperationFilter, query_of
from rtmanager.client.request import OPERATOR, Request
from rtmanager.client.timeouts import LONGEST_WAIT, WAIT_MARGIN, Timeouts
from rtmanager.client.vocabulary import Outcome

_NO_QUERY: Mapping[str, object] = {}


class OperationLog:
    """Reads the operation log."""

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self._connection = connection
        self._timeouts = timeouts

    async def operations(
        self,
        matching: OperationFilter = OperationFilter(),  # noqa: B008 - frozen
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> OperationsPage:
        """Return a page of operations, the newest first; `cursor` is that of the page before."""
        query = matching.query() | query_of({"limit": limit, "cursor": cursor})
        request = self._get(f"{OPERATOR}/operations", query)
        return await self._connection.call(request, OperationsPage)

    async def all_operations(
        self,
        matching: OperationFilter = OperationFilter(),  # noqa: B008 - frozen
        *,
        page: int = 500,
    ) -> AsyncGenerator[Operation, None]:
        """Yield all operations, the newest first, reading page after page."""
        cursor: str | None = None
        while True:
            answer = await self.operations(matching, limit=page, cursor=cursor)
            for each in answer.items:
                yield each
            cursor = answer.next_cursor
            if cursor is None:
                return

    async def operation(self, operation_id: int, *, wait: float = 0) -> Operation:
        """Return one operation, also while it runs.

        With `wait` it returns when the operation has finished or after this many seconds: look at
        `outcome`. `math.inf` waits as long as it lasts.
        """
        while True:
            seconds = min(wait, LONGEST_WAIT)
            operation = await self._operation(operation_id, seconds)
            wait -= seconds
            if operation.outcome is not Outcome.OPEN or wait <= 0:
                return operation

    async def _operation(self, operation_id: int, wait: float) -> Operation:
        request = self._get(
            f"{OPERATOR}/operations/{operation_id}",
            {"wait": timedelta(seconds=wait) if wait else None},
            seconds=wait + WAIT_MARGIN if wait else None,
        )
        return await self._connection.call(request, Operation)

    def _get(
        self, path: str, query: Mapping[str, object] = _NO_QUERY, *, seconds: float | None = None
    ) -> Request:
        """Return a request that reads, and whose answer may take this many seconds."""
        timeout = self._timeouts.reading(seconds or self._timeouts.read)
        return Request(path=path, timeout=timeout, query=query_of(query))
