"""A service with games of one's choice, behind the real console: both contracts, from values."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager.console.app import Console
from rtmanager.handlers.middleware import RawPath, RequestId

IMAGE = "galaxy/game:1.4.7"
NEXT_IMAGE = "galaxy/game:1.4.8"
CONTAINER = "3f4e1a7c9b52d8066b7a4f0c1de29385a6c4b0f79e81d2235c6407fa98be1d30"

Json = dict[str, Any]


def ago(seconds: float) -> str:
    """Return a time in the past as the contracts write it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")[
        :-6
    ] + "Z"


def step(action: str, begun: float, took: float | None = 100, **more: Any) -> Json:
    """Return a step that began so many seconds ago."""
    plain = {"phase": "forward", "container_id": CONTAINER, "error_code": None, "error": None}
    result = "running" if took is None else "done"
    found = {"action": action, "started_at": ago(begun), "duration_ms": took, "result": result}
    return {**plain, **found, "note": None, **more}


def operation(number: int, kind: str = "start", begun: float = 3600, **more: Any) -> Json:
    """Return an operation that succeeded after a second."""
    return {
        "operation_id": number,
        "game_id": "g1",
        "kind": kind,
        "source": "gm_rest",
        "source_ref": f"request-{number}",
        "reason": None,
        "image_ref": IMAGE,
        "container_id": CONTAINER,
        "outcome": "success",
        "phase": "forward",
        "error_code": None,
        "error_message": None,
        "started_at": ago(begun),
        "finished_at": ago(begun - 1),
        "duration_ms": 1000.0,
        "downtime_ms": None,
        "healthy": True,
        "exit": None,
        "lost_processes": 0,
        "trace_id": None,
        "steps": [step("create", begun, 300), step("start", begun - 0.3, 500)],
        **more,
    }


def brief(found: Json) -> Json:
    """Return an operation without its steps."""
    names = ("operation_id", "kind", "source", "outcome", "error_code", "started_at", "finished_at")
    return {name: found[name] for name in names}


def overview(game_id: str = "g1", status: str = "running", **more: Any) -> Json:
    """Return a game at a glance."""
    health = "healthy" if status == "running" else "not_running"
    return {
        "game_id": game_id,
        "status": status,
        "image_ref": None if status == "removed" else IMAGE,
        "container_id": None if status == "removed" else CONTAINER,
        "engine_endpoint": f"http://galaxy-game-{game_id}:8080",
        "started_at": ago(3600),
        "stopped_at": None if status == "running" else ago(600),
        "removed_at": ago(300) if status == "removed" else None,
        "created_at": ago(90000),
        "last_op_at": ago(3600),
        "health": health,
        "last_operation": brief(operation(1)),
        **more,
    }


def record(game_id: str = "g1", status: str = "running", **more: Any) -> Json:
    """Return a game's record."""
    return {
        "game_id": game_id,
        "status": status,
        "current_container_id": CONTAINER,
        "current_image_ref": IMAGE,
        "engine_endpoint": f"http://galaxy-game-{game_id}:8080",
        "state_path": f"/srv/galaxy/games/{game_id}",
        "docker_network": "galaxy-net",
        "started_at": ago(3600),
        "stopped_at": None,
        "removed_at": None,
        "last_op_at": ago(3600),
        "created_at": ago(90000),
        **more,
    }


def health(state: str = "healthy", **more: Any) -> Json:
    """Return an engine's health."""
    return {
        "game_id": "g1",
        "container_id": CONTAINER,
        "state": state,
        "since": ago(3590),
        "checked_at": ago(4),
        "error": None,
        "consecutive_misses": 0,
        "last_event": None,
        **more,
    }


def explanation(game_id: str = "g1", status: str | None = "running", **more: Any) -> Json:
    """Return why a game is in its state."""
    return {
        "game_id": game_id,
        "summary": f"Running for 1 h on {IMAGE}, healthy; started by the Game Master.",
        "status": status,
        "image_ref": IMAGE,
        "since": ago(3600),
        "cause": operation(1),
        "open_operation": None,
        "operations": [operation(1)],
        "exit": None,
        "health": health() if status == "running" else None,
        "drift": [],
        "container": None,
        "docker_error": None,
        **more,
    }


def node(name: str = "worker-1", **more: Any) -> Json:
    """Return a node that is ready, with a game."""
    return {
        "node_id": f"id-of-{name}",
        "name": name,
        "state": "ready",
        "availability": "active",
        "role": "worker",
        "cpus": 8.0,
        "memory_bytes": 32 << 30,
        "reserved_cpus": 1.5,
        "reserved_memory_bytes": 3 << 29,
        "interrupted_at": None,
        "off_at": None,
        "drain_at": None,
        "is_out_of_reach": False,
        "games": ["g1"],
        "games_left": None,
        "advice": None,
        **more,
    }


def worker(name: str, **more: Any) -> Json:
    """Return a worker that works."""
    return {
        "name": name,
        "interval_s": 15.0,
        "cycles": 240,
        "failures": 0,
        "failures_in_a_row": 0,
        "last_success_at": ago(4),
        "last_failure_at": None,
        "last_error": None,
        "did": None,
        "lag_s": 0.0,
        **more,
    }


def replica(host: str = "games-1", *, is_leader: bool = True, **more: Any) -> Json:
    """Return a replica."""
    return {
        "replica_id": f"{host}-7f3a",
        "host": host,
        "version": "0.1.0",
        "started_at": ago(7200),
        "seen_at": ago(2),
        "is_leader": is_leader,
        "workers": [worker("probe"), worker("reconcile", did="adopted 1 engine")],
        **more,
    }


@dataclass
class FakeService:
    """What it answers, and what it was asked to do."""

    games: list[Json] = field(default_factory=list)
    explanations: dict[str, Json] = field(default_factory=dict)
    records: dict[str, Json] = field(default_factory=dict)
    log: list[Json] = field(default_factory=list)
    workers: Json = field(
        default_factory=lambda: {
            "leader": "games-1-7f3a",
            "replicas": [replica()],
            "backlogs": [{"name": "outbox", "waiting": 0, "oldest_at": None}],
            "errors": [],
        }
    )
    drift: list[Json] = field(default_factory=list)
    nodes: list[Json] = field(default_factory=list)
    said: list[tuple[str, str, Json]] = field(default_factory=list)
    errors: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    token: str | None = None
    asked: list[tuple[str, str, Json, Mapping[str, str]]] = field(default_factory=list)
    events: list[tuple[str, Json]] = field(default_factory=list)
    listed: list[str | None] = field(default_factory=list)

    @property
    def app(self) -> ASGIApp:
        """The application, with the console before it."""
        api = Starlette(routes=self._routes())

        async def whole(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)

        app = RequestId(Console(RawPath(api, is_known=lambda _: True), service=whole))
        return app

    def _routes(self) -> list[Route]:
        runtime, seen = "/api/v1/internal/runtimes/{game_id}", "/api/v1/operator"
        answers: dict[str, Any] = {
            "/readyz": lambda _: {"status": "ready"},
            f"{seen}/runtimes": self._overviews,
            f"{seen}/runtimes/{{game_id}}/explain": lambda it: self.explanations[_game(it)],
            f"{seen}/operations": self._operations,
            f"{seen}/workers": lambda _: self.workers,
            f"{seen}/nodes": lambda _: {"items": self.nodes},
            f"{seen}/drift": lambda _: {"games": len(self.games), "items": self.drift},
            runtime: lambda it: self.records[_game(it)],
        }
        acts = [(f"{runtime}/{each}", "POST") for each in ("start", "stop", "restart", "patch")]
        return [
            *(Route(path, self._answering(path, answer)) for path, answer in answers.items()),
            *(
                Route(path, self._acting(path), methods=[method])
                for path, method in [*acts, (f"{runtime}/container", "DELETE")]
            ),
            *(
                Route(f"{seen}/nodes/{{node}}/{word}", self._saying(word), methods=["POST"])
                for word in ("lost", "drain", "activate")
            ),
            Route(f"{seen}/runtimes/{{game_id}}/logs", self._logs),
            Route(f"{seen}/events", self._events),
        ]

    def _answering(self, path: str, answer: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            if refused := self._refused(request, path):
                return refused
            try:
                return JSONResponse(answer(request))
            except KeyError:
                return _error(404, "not_found", "runtime record not found")

        return endpoint

    def _acting(self, path: str) -> Any:
        async def endpoint(request: Request) -> Response:
            body = json.loads(await request.body() or b"{}")
            name = path.rpartition("/")[2]
            self.asked.append((name, _game(request), body, dict(request.headers)))
            return self._refused(request, name) or JSONResponse(record(_game(request)))

        return endpoint

    def _saying(self, word: str) -> Any:
        async def endpoint(request: Request) -> Response:
            node_id, body = request.path_params["node"], json.loads(await request.body() or b"{}")
            self.said.append((word, node_id, body))
            found = next(each for each in self.nodes if each["node_id"] == node_id)
            return self._refused(request, word) or JSONResponse(found)

        return endpoint

    def _overviews(self, request: Request) -> Json:
        wanted = request.query_params.get("game_id")
        self.listed.append(wanted)
        return {"items": [each for each in self.games if wanted in {None, each["game_id"]}]}

    def _operations(self, request: Request) -> Json:
        query = request.query_params
        explained = self.explanations.get(query["game_id"], {"operations": []})
        wanted = query.get("source_ref")
        found = [each for each in explained["operations"] if wanted in {None, each["source_ref"]}]
        return {"items": found, "next_cursor": None}

    async def _logs(self, request: Request) -> Response:
        if refused := self._refused(request, "logs"):
            return refused
        lines = "".join(f"{json.dumps(each)}\n" for each in self.log)
        return Response(lines, media_type="application/x-ndjson")

    async def _events(self, request: Request) -> Response:
        if refused := self._refused(request, "events"):
            return refused
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        sent = len(self.events)
        yield f"id: {sent}\nevent: ready\ndata: {{}}\n\n"
        while True:
            for kind, data in self.events[sent:]:
                sent += 1
                yield f"id: {sent}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            await asyncio.sleep(0.05)

    def _refused(self, request: Request, name: str) -> Response | None:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "invalid_request", "the request has no token")
        return _error(*self.errors[name]) if name in self.errors else None


def _game(request: Request) -> str:
    return unquote(request.path_params["game_id"])


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
