"""The same two routes in FastAPI: a validated request, a response model, the same SQL.

A refused patch is what the service does without its protocol: the body is validated, the record is
locked and read, and the refusal is a row of the operation log, in one transaction.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bench.peers.records import GET, LOCK, REFUSE, Pool, new_pool

CONFLICT = "the game is removed; start it first"

GameId = Annotated[str, Path(min_length=1, max_length=255)]


class Record(BaseModel):
    """A record as the contract defines it."""

    game_id: str
    status: Literal["running", "stopped", "removed"]
    current_container_id: str | None
    current_image_ref: str | None
    engine_endpoint: str | None
    state_path: str
    docker_network: str
    started_at: datetime | None
    stopped_at: datetime | None
    removed_at: datetime | None
    last_op_at: datetime
    created_at: datetime


class PatchRequest(BaseModel):
    """The body of a patch."""

    model_config = ConfigDict(extra="forbid")
    image_ref: str = Field(min_length=1)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool for the time of the application."""
    async with new_pool() as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer that the process serves requests."""
    return {"status": "ok"}


@app.get("/api/v1/internal/runtimes/{game_id}", response_model=Record)
async def get(game_id: GameId, request: Request) -> object:
    """Show one game's record."""
    pool: Pool = request.app.state.pool
    async with pool.connection() as connection:
        found = await (await connection.execute(GET, [game_id])).fetchone()
    return found or error(404, "not_found", "the game has no record")


@app.post("/api/v1/internal/runtimes/{game_id}/patch")
async def patch(game_id: GameId, body: PatchRequest, request: Request) -> JSONResponse:
    """Refuse the patch of a game that does not run, and write that down."""
    pool: Pool = request.app.state.pool
    async with pool.connection() as connection, connection.transaction():
        found = await (await connection.execute(LOCK, [game_id])).fetchone()
        if found is None or found["status"] != "removed":
            raise NotImplementedError("it refuses only what is compared")
        values = [game_id, secrets.token_hex(8), body.image_ref, CONFLICT]
        await connection.execute(REFUSE, values)
    return error(409, "conflict", CONFLICT)


def error(status: int, code: str, message: str) -> JSONResponse:
    """Return the error envelope of the contract."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)
