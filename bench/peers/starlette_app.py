"""The same route in bare Starlette: the same SQL, nothing validated, no model."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.peers.records import GET, Pool, new_pool

SHOWN = (
    *("game_id", "status", "current_container_id", "current_image_ref", "engine_endpoint"),
    *("state_path", "docker_network", "started_at", "stopped_at", "removed_at", "last_op_at"),
    "created_at",
)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the pool for the time of the application."""
    async with new_pool() as pool:
        app.state.pool = pool
        yield


async def healthz(_: Request) -> JSONResponse:
    """Answer that the process serves requests."""
    return JSONResponse({"status": "ok"})


async def get(request: Request) -> JSONResponse:
    """Show one game's record."""
    pool: Pool = request.app.state.pool
    async with pool.connection() as connection:
        found = await (await connection.execute(GET, [request.path_params["game_id"]])).fetchone()
    if found is None:
        return JSONResponse({"error": {"code": "not_found"}}, 404)
    return JSONResponse(shown(found))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that are shown, times in RFC 3339."""
    return {name: rendered(row[name]) for name in SHOWN}


def rendered(value: Any) -> Any:
    """Return a time as text, anything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/api/v1/internal/runtimes/{game_id}", get),
    ],
    lifespan=lifespan,
)
