"""A fake manager of a large Swarm, on a unix socket: `python -m bench.fakes.swarm_manager`.

It answers as a real one does, with as many bytes, for services that are only entries of its tables;
how long a real one takes is measured elsewhere (docs/scale.md). Engines answer `/healthz` on the
loopback network. Nothing can be changed but by `POST /end`, on
its TCP port, which lets the engine of a game end.
"""

import asyncio
import itertools
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from bench.fakes.engines import addresses, allow_many_files, listening, serve_engines
from bench.fakes.swarm_objects import ANSWERS, Game, games, nodes
from bench.fleet import fleet_games
from rtmanager.domain.container import GAME_ID_LABEL

ADDRESSES = 5_000
"""More engines than that share theirs: each address takes one of this process's files."""
_AT_ONCE = 200
"""Entries of a list that are sent together."""


class FakeManager:
    """What the service asks of a Swarm's managers."""

    def __init__(self, made: Iterable[Game], node_list: bytes) -> None:
        self._by_id = {each.service_id: each for each in made}
        self._by_game = {each.game_id: each for each in self._by_id.values()}
        self._tasks = {each.service_id: each.task for each in self._by_id.values()}
        self._nodes = node_list

    def routes(self) -> list[BaseRoute]:
        """Return the routes, with the version of the API in front and without."""
        answers = {
            "/_ping": lambda _: Response("OK"),
            "/version": lambda _: JSONResponse(ANSWERS["version"]),
            "/info": lambda _: JSONResponse(ANSWERS["info"]),
            "/swarm": lambda _: JSONResponse(ANSWERS["info"]["Swarm"]["Cluster"]),
            "/events": self._events,
            "/networks": lambda _: JSONResponse([ANSWERS["network"]]),
            "/networks/{id}": lambda _: JSONResponse(ANSWERS["network"]),
            "/nodes": lambda _: Response(self._nodes, media_type="application/json"),
            "/nodes/{id}": self._node,
            "/services": self._services,
            "/services/{id}": self._service,
            "/tasks": self._list_tasks,
        }
        routes: list[BaseRoute] = [
            Route("/healthz", _async(lambda _: Response("OK"))),
            Route("/end", _async(self._end), methods=["POST"]),
        ]
        for path, answer in answers.items():
            routes += [Route(f"{at}{path}", _async(answer)) for at in ("/v1.41", "")]
        return routes

    def _services(self, request: Request) -> Response:
        return _list(each.service for each in self._matching(_filters(request)))

    def _matching(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[Game]:
        """Yield the services of a list with these filters."""
        pairs = [each.partition("=") for each in wanted.get("label", ())]
        game = next((value for name, _, value in pairs if name == GAME_ID_LABEL), None)
        some: Iterable[Game] = self._by_id.values()
        if game is not None:
            some = [self._by_game[game]] if game in self._by_game else []
        ids, names = wanted.get("id"), tuple(wanted.get("name", ("",)))
        return (
            each
            for each in some
            if each.name.startswith(names) and (ids is None or each.service_id in ids)
        )

    def _service(self, request: Request) -> Response:
        found = self._by_id.get(request.path_params["id"])
        return Response(found.service, media_type="application/json") if found else _gone()

    def _list_tasks(self, request: Request) -> Response:
        wanted = _filters(request).get("service")
        if wanted is None:
            return _list(self._tasks.values())
        return _list(self._tasks[each] for each in wanted if each in self._tasks)

    def _node(self, request: Request) -> Response:
        found = (
            each for each in json.loads(self._nodes) if each["ID"] == request.path_params["id"]
        )
        return JSONResponse(next(found))

    def _end(self, request: Request) -> Response:
        service_id = self._by_game[request.query_params["game"]].service_id
        task = json.loads(self._tasks[service_id])
        task["Status"] |= {"State": "failed", "Err": "task: non-zero exit (3)"}
        task["Status"]["ContainerStatus"]["ExitCode"] = 3
        self._tasks[service_id] = json.dumps(task, separators=(",", ":")).encode()
        return Response("OK")

    def _events(self, _: Request) -> Response:
        async def nothing() -> Any:
            await asyncio.Event().wait()
            yield b""

        return StreamingResponse(nothing(), media_type="application/json")


def _async(answer: Callable[[Request], Response]) -> Any:
    async def endpoint(request: Request) -> Response:
        return answer(request)

    return endpoint


def _filters(request: Request) -> Mapping[str, Sequence[str]]:
    filters: Mapping[str, Sequence[str]] = json.loads(request.query_params.get("filters", "{}"))
    return filters


def _list(entries: Iterable[bytes]) -> Response:
    """Send the entries as Docker sends a list, some at a time."""
    found = list(entries)

    async def parts() -> Any:
        for first in range(0, len(found), _AT_ONCE):
            yield (b"," if first else b"[") + b",".join(found[first : first + _AT_ONCE])
        yield b"]\n" if found else b"[]\n"

    return StreamingResponse(parts(), media_type="application/json")


def _gone() -> Response:
    return JSONResponse({"message": "service x not found"}, 404)


async def _serve() -> None:
    ids = fleet_games(int(os.environ["BENCH_GAMES"]))
    count = int(os.environ["BENCH_NODES"])
    at = list(addresses(min(len(ids), ADDRESSES)))
    await serve_engines(at)
    manager = FakeManager(games(ids, itertools.cycle(at), count), nodes(count))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(os.environ["BENCH_SOCKET"])
    # The stream of events never ends by itself.
    settings = uvicorn.Config(
        Starlette(routes=manager.routes()), log_level="warning", timeout_graceful_shutdown=1
    )
    tcp = listening("127.0.0.1", int(os.environ["BENCH_PORT"]))
    await uvicorn.Server(settings).serve(sockets=[unix, tcp])


if __name__ == "__main__":
    allow_many_files()
    asyncio.run(_serve())
