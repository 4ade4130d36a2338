"""The endpoints for the operation log."""

import re
from dataclasses import dataclass
from enum import StrEnum

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.insight.operation_ends import MAX_WAITING
from rtmanager.domain.insight.read_operations import ReadOperations
from rtmanager.domain.operation import Fence, OperationKind, OpSource, Outcome
from rtmanager.domain.ports.operation_history import OperationFilter
from rtmanager.domain.texts import quoted
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.cursor import cursor_of, read_cursor
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.query import choice_of, duration_of, integer_of, text_of, time_of
from rtmanager.handlers.rendering import OPEN, operation_json

DEFAULT_LIMIT, MAX_LIMIT = 50, 500
MAX_WAIT = 60.0


class _Outcome(StrEnum):
    """The outcomes that callers can ask for."""

    OPEN = OPEN
    SUCCESS = Outcome.SUCCESS
    FAILURE = Outcome.FAILURE


@dataclass(frozen=True, slots=True)
class OperationLog:
    """The endpoints for the operation log."""

    read: ReadOperations
    max_waits: int = MAX_WAITING

    async def list(self, call: Call) -> JsonObject:
        """Show a page of operations."""
        query, wanted = call.query, _wanted(call)
        limit = integer_of(query, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        cursor = text_of(query, "cursor")
        before = None if cursor is None else read_cursor(cursor, wanted)
        page = await self.read.page(wanted, limit=limit, before=before)
        return {
            "items": [operation_json(each) for each in page.operations],
            "next_cursor": page.next_before and cursor_of(page.next_before, wanted),
        }

    async def get(self, call: Call) -> JsonObject:
        """Show one operation, if asked for once it has finished."""
        operation_id = _operation_id(call)
        wait = duration_of(call.query, "wait", most=MAX_WAIT)
        if not wait:
            return operation_json(await self.read.get(operation_id))
        return operation_json(
            await self.read.get_finished(
                operation_id, within=wait, unless=call.gone, most=self.max_waits
            )
        )


def _wanted(call: Call) -> OperationFilter:
    query = call.query
    outcome = choice_of(query, "outcome", _Outcome)
    is_open = outcome is _Outcome.OPEN
    return OperationFilter(
        game_id=text_of(query, "game_id"),
        kind=choice_of(query, "kind", OperationKind),
        outcome=None if outcome is None or is_open else Outcome(outcome),
        is_open=is_open,
        source=choice_of(query, "source", OpSource),
        source_ref=text_of(query, "source_ref"),
        since=time_of(query, "since"),
        until=time_of(query, "until"),
    )


def _operation_id(call: Call) -> Fence:
    text = call.path_parameter("operation_id")
    if not re.fullmatch(r"[1-9]\d{,18}", text, re.ASCII):
        raise InvalidRequest(f"the operation id is {quoted(text)}, expected a number from 1 on")
    return Fence(int(text))
