"""A fake Docker daemon on a unix socket, and fake engines: `python -m bench.fakes.docker_host`.

It knows what the service asks of Docker and answers as Docker does, for containers that are only
entries of its table. Every engine has an address of its own on the loopback network and answers
`/healthz`. `GET /calls` on its TCP port returns the names and times of all calls since it was asked
last.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from bench.fakes.containers import ANSWERS, Container, Containers
from bench.fakes.engines import addresses, allow_many_files, listening, serve_engines

AGE = timedelta(minutes=7)
"""By which each container is older than the one before, as the records of the fleet say."""
SPARE = 50
"""Addresses for containers that are created later."""


class FakeDocker:
    """The calls of Docker's API that the service makes."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._calls: list[tuple[str, float]] = []
        self._listeners: set[asyncio.Queue[bytes]] = set()

    def routes(self) -> list[BaseRoute]:
        """Return the routes, with the version of the API in front and without."""
        calls = {
            ("GET", "/version"): self._version,
            ("GET", "/_ping"): self._ping,
            ("GET", "/info"): self._info,
            ("GET", "/events"): self._events,
            ("GET", "/networks"): self._networks,
            ("GET", "/networks/{id}"): self._network,
            ("GET", "/images/{name:path}/json"): self._image,
            ("GET", "/containers/json"): self._list,
            ("GET", "/containers/{id}/json"): self._inspect,
            ("GET", "/containers/{id}/logs"): self._logs,
            ("POST", "/containers/create"): self._create,
            ("POST", "/containers/{id}/start"): self._start,
            ("POST", "/containers/{id}/stop"): self._stop,
            ("POST", "/containers/{id}/rename"): self._rename,
            ("DELETE", "/containers/{id}"): self._remove,
        }
        routes: list[BaseRoute] = [Route("/calls", self._counted), Route("/healthz", self._ping)]
        for (method, path), answer in calls.items():
            counting = self._counting(f"{method} {path}", answer)
            routes += [Route(f"{at}{path}", counting, methods=[method]) for at in ("/v1.41", "")]
        return routes

    def _counting(self, name: str, answer: Any) -> Any:
        async def counted(request: Request) -> Response:
            self._calls.append((name, time.time()))
            result: Response = await answer(request)
            return result

        return counted

    async def _counted(self, _: Request) -> Response:
        calls, self._calls = self._calls, []
        return JSONResponse(calls)

    async def _version(self, _: Request) -> Response:
        return JSONResponse(ANSWERS["version"])

    async def _ping(self, _: Request) -> Response:
        return Response("OK")

    async def _info(self, _: Request) -> Response:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return JSONResponse(ANSWERS["info"] | {"SystemTime": now})

    async def _networks(self, _: Request) -> Response:
        return JSONResponse([_network()])

    async def _network(self, _: Request) -> Response:
        running = (each for each in self._containers.matching({}) if each.runs)
        attached = {
            each.id: {"Name": each.name, "IPv4Address": f"{each.address}/8"} for each in running
        }
        return JSONResponse(_network() | {"Containers": attached})

    async def _image(self, _: Request) -> Response:
        config = ANSWERS["inspected"]["Config"] | {"Labels": {}, "User": ""}
        return JSONResponse({"Id": ANSWERS["listed"]["ImageID"], "Config": config})

    async def _list(self, request: Request) -> Response:
        filters = json.loads(request.query_params.get("filters", "{}"))
        return JSONResponse([each.listed() for each in self._containers.matching(filters)])

    async def _inspect(self, request: Request) -> Response:
        found = self._found(request)
        return JSONResponse(found.inspected()) if found else _gone()

    async def _logs(self, request: Request) -> Response:
        return Response(b"") if self._found(request) else _gone()

    async def _create(self, request: Request) -> Response:
        name = request.query_params["name"]
        if self._containers.find(name):
            message = f'The container name "/{name}" is already in use'
            return JSONResponse({"message": message}, 409)
        made = self._containers.create(name, await request.json())
        self._say("create", made)
        return JSONResponse({"Id": made.id, "Warnings": []}, 201)

    async def _start(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _gone()
        found.started, found.ended = datetime.now(UTC), None
        self._say("start", found)
        return Response(status_code=204)

    async def _stop(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _gone()
        if not found.runs:
            return Response(status_code=304)
        found.ended = datetime.now(UTC)
        for action in ("kill", "die", "stop"):
            self._say(action, found)
        return Response(status_code=204)

    async def _rename(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _gone()
        found.name = request.query_params["name"]
        self._say("rename", found)
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return _gone()
        self._containers.remove(found)
        self._say("destroy", found)
        return Response(status_code=204)

    async def _events(self, _: Request) -> Response:
        return StreamingResponse(self._followed(), media_type="application/json")

    async def _followed(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def _say(self, action: str, container: Container) -> None:
        attributes = dict(container.labels) | {"name": container.name}
        attributes |= {"signal": "15"} if action == "kill" else {}
        attributes |= {"exitCode": "143"} if action == "die" else {}
        actor = {"ID": container.id, "Attributes": attributes}
        event = {"Type": "container", "Action": action, "Actor": actor, "timeNano": time.time_ns()}
        for queue in self._listeners:
            queue.put_nowait(json.dumps(event).encode() + b"\n")

    def _found(self, request: Request) -> Container | None:
        return self._containers.find(request.path_params["id"])


def _network() -> dict[str, Any]:
    block = os.environ["BENCH_BLOCK"]
    config = [{"Subnet": f"127.{block}.0.0/16", "Gateway": f"127.{block}.255.1"}]
    network: dict[str, Any] = ANSWERS["network"] | {"IPAM": {"Driver": "default", "Config": config}}
    return network


def _gone() -> Response:
    return JSONResponse({"message": "No such container"}, 404)


async def _serve() -> None:
    games = os.environ["BENCH_FLEET"].split()
    free = list(addresses(len(games) + SPARE))
    await serve_engines(free)
    containers = Containers(iter(free))
    for number, game in enumerate(games, 1):
        containers.add_running(game, age=number * AGE)
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(os.environ["BENCH_SOCKET"])
    app = Starlette(routes=FakeDocker(containers).routes())
    # The stream of events never ends by itself.
    settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    tcp = listening("127.0.0.1", int(os.environ["BENCH_PORT"]))
    await uvicorn.Server(settings).serve(sockets=[unix, tcp])


if __name__ == "__main__":
    allow_many_files()
    asyncio.run(_serve())
