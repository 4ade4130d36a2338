"""The pages that show something: all games, one game, its operations, the service."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.responses import Response

from rtmanager.client import (
    ClientError,
    Explanation,
    LogLine,
    NotFound,
    RuntimeOverview,
    RuntimeRecord,
    Unauthorized,
    WorkersReport,
)
from rtmanager.client.reports import DriftReport
from rtmanager.console import listing
from rtmanager.console.rendering import render
from rtmanager.console.shared import Shared
from rtmanager.console.visit import Visit

LOG_LINES = 200
FEW = 10
"""Games that are asked for one by one."""
SERVICE_AGE = 2.0
"""Seconds for which the state of the service is shown to all who ask."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Failed:
    """What a part of a page shows instead, because it could not be found out."""

    message: str


@dataclass(frozen=True, slots=True)
class Story:
    """What one game's page shows."""

    explained: Explanation
    record: RuntimeRecord | None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the page of the service shows."""

    workers: WorkersReport | Failed
    drift: DriftReport | Failed
    lacks: str | None


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages. Events lead many visitors to the same one at once: they share its answers."""

    _games: Shared[Sequence[RuntimeOverview]] = field(default_factory=Shared)
    _rows: Shared[str] = field(default_factory=Shared)
    _stories: Shared[Story] = field(default_factory=Shared)
    _services: Shared[ServiceState] = field(default_factory=Shared)

    async def games(self, visit: Visit) -> Response:
        """Show all games."""
        wanted = listing.Wanted.of(visit.query)
        games = await self._all(visit)
        return visit.state(
            "games.html",
            repr([each.json for each in games]),
            wanted=wanted,
            games=wanted.in_order(games),
            counts=listing.counts(games),
            is_any_shown=any(map(wanted.matches, games)),
        )

    async def rows(self, visit: Visit) -> Response:
        """Show some games as rows of the list."""
        asked = frozenset(filter(None, visit.request.query_params.getlist("game")))
        key = visit.calls.token, visit.as_of, asked

        async def rendered() -> str:
            games = await self._some(visit, asked)
            return render("rows.html", wanted=listing.Wanted(), games=games)

        return visit.part(await self._rows.get(key, rendered))

    async def game(self, visit: Visit) -> Response:
        """Show one game's story."""
        key = visit.calls.token, visit.game_id, visit.as_of
        story = await self._stories.get(key, lambda: _story(visit))
        asked_by = visit.query.get("request", "")
        operations = story.explained.operations
        return visit.state(
            "game.html",
            repr((story.explained.json, story.record and story.record.json)),
            explained=story.explained,
            record=story.record,
            asked=next((each for each in operations if each.source_ref == asked_by), None),
            log=await _log(visit),
        )

    async def operations(self, visit: Visit) -> Response:
        """Show the operations on a game, page by page."""
        cursor = visit.query.get("cursor")
        found = await visit.calls.operations(visit.game_id, cursor)
        if not found.items and not cursor:
            raise NotFound("there is no such game", request_id=visit.calls.request_id)
        return visit.page("operations.html", game_id=visit.game_id, found=found, cursor=cursor)

    async def progress(self, visit: Visit) -> Response:
        """Show the operation that a request has asked for, as a part of a page."""
        asked_by = visit.query.get("request", "")
        found = await visit.calls.operation_of_request(visit.game_id, asked_by)
        return visit.page("progress.html", asked=found)

    async def service(self, visit: Visit) -> Response:
        """Show what the service does on its own, and what it lacks."""
        recently = int(time.monotonic() / SERVICE_AGE)
        key = visit.calls.token, recently
        state = await self._services.get(key, lambda: _service_state(visit))
        return visit.page(
            "service.html", workers=state.workers, drift=state.drift, lacks=state.lacks
        )

    async def _some(self, visit: Visit, asked: frozenset[str]) -> Sequence[RuntimeOverview]:
        """Return some games, ordered by id. A thousand take the time of twenty, one by one."""
        if len(asked) > FEW:
            return [each for each in await self._all(visit) if each.game_id in asked]
        found = await asyncio.gather(*map(visit.calls.game, sorted(asked)))
        return [each for games in found for each in games]

    async def _all(self, visit: Visit) -> Sequence[RuntimeOverview]:
        return await self._games.get((visit.calls.token, visit.as_of), visit.calls.games)


async def _story(visit: Visit) -> Story:
    explained = await visit.calls.explanation(visit.game_id)
    # A request that nobody answers would be a line in the log at every visit.
    record = await visit.calls.record(visit.game_id) if explained.status else None
    return Story(explained, record)


async def _service_state(visit: Visit) -> ServiceState:
    calls = visit.calls
    return ServiceState(
        *await asyncio.gather(
            _or_failed(calls.workers()), _or_failed(calls.drift()), calls.readiness()
        )
    )


async def _log(visit: Visit) -> Sequence[LogLine] | Failed | None:
    """Return the lines that somebody without scripts has asked for."""
    if "log" not in visit.query:
        return None
    return await _or_failed(visit.calls.log(visit.game_id, LOG_LINES))


async def _or_failed(call: Coroutine[Any, Any, _T]) -> _T | Failed:
    try:
        return await call
    except Unauthorized:
        raise
    except ClientError as error:
        return Failed(error.message)
