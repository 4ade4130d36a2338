"""A Docker that shows many running containers and runs none: `python -m bench.fake_docker`.

It answers what the service asks in its rounds, as Docker 20.10 does, on a unix socket. All engines
are one HTTP server, on an address of the loopback interface of their own.
"""

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvloop

ENGINE_ADDRESS = "127.77.0.1"
_HEALTHY = (
    b"HTTP/1.1 200 OK\r\nServer: galaxy-engine\r\nDate: Sun, 29 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    b'{"status":"ok"}'
)
_STATE_VARIABLES = ("GAME_STATE_PATH", "STORAGE_PATH")
_Json = dict[str, Any]


class FakeDocker:
    """What Docker knows of the containers of these games."""

    def __init__(self, games: list[str], network: str) -> None:
        self.network = network
        self.containers = {container_id(game): game for game in games}
        self.calls: Counter[str] = Counter()
        self._list = json.dumps([self._listed(game) for game in games]).encode()

    def answer(self, path: str) -> bytes:
        """Return the answer to a GET request, whose path has no version and no query."""
        if path == "/containers/json":
            self.calls["list"] += 1
            return self._list
        if inspected := re.fullmatch(r"/containers/(\w+)/json", path):
            self.calls["inspect"] += 1
            return json.dumps(self._inspected(self.containers[inspected[1]])).encode()
        self.calls[path] += 1
        return json.dumps(self._about(path)).encode()

    def _about(self, path: str) -> object:
        network = {
            "Name": self.network,
            "Id": "f" * 64,
            "Driver": "bridge",
            "IPAM": {"Config": []},
            "Containers": {},
        }
        answers: Mapping[str, Callable[[], object]] = {
            "/version": lambda: {"ApiVersion": "1.41", "MinAPIVersion": "1.12"},
            "/_ping": lambda: "OK",
            "/info": lambda: {"SystemTime": "2026-11-29T12:00:00.000000Z", "Runtimes": {}},
            "/networks": lambda: [network],
            "/calls": lambda: self.calls,
        }
        return answers.get(path, lambda: network)()

    def _listed(self, game: str) -> _Json:
        return {
            "Id": container_id(game),
            "Names": [f"/galaxy-game-{game}"],
            "Image": "galaxy/game:1.4.7",
            "ImageID": f"sha256:{'a' * 64}",
            "Command": "/usr/local/bin/engine --state /var/lib/galaxy-game",
            "Created": 1_764_000_000,
            "Ports": [],
            "Labels": _labels(game),
            "State": "running",
            "Status": "Up 3 hours",
            "HostConfig": {"NetworkMode": self.network},
            "NetworkSettings": {"Networks": {self.network: _endpoint()}},
            "Mounts": [_mount(game)],
        }

    def _inspected(self, game: str) -> _Json:
        state = {
            "Status": "running",
            "Running": True,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": 4711,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-11-29T09:00:00.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        }
        return {
            "Id": container_id(game),
            "Created": "2026-11-29T09:00:00.023456789Z",
            "Path": "/usr/local/bin/engine",
            "Args": ["--state", "/var/lib/galaxy-game"],
            "State": state,
            "Image": f"sha256:{'a' * 64}",
            "Name": f"/galaxy-game-{game}",
            "RestartCount": 0,
            "HostConfig": _host_config(self.network),
            "Mounts": [_mount(game)],
            "Config": {
                "Hostname": f"galaxy-game-{game}",
                "Env": [f"{name}=/var/lib/galaxy-game" for name in _STATE_VARIABLES],
                "Image": "galaxy/game:1.4.7",
                "Labels": _labels(game),
            },
            "NetworkSettings": {"Ports": {}, "Networks": {self.network: _endpoint()}},
        }


def container_id(game: str) -> str:
    """Return the id of the game's container, as `bench.fleet` writes it to the record."""
    return sha256(game.encode()).hexdigest()


def _labels(game: str) -> dict[str, str]:
    return {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": "galaxy/game:1.4.7",
        "com.galaxy.started_at_ms": "1764000000000",
        "com.galaxy.memory": "512m",
        "com.galaxy.cpu_quota": "1.0",
    }


def _endpoint() -> _Json:
    return {
        "IPAMConfig": {},
        "Links": None,
        "Aliases": None,
        "NetworkID": "f" * 64,
        "EndpointID": "e" * 64,
        "Gateway": "172.18.0.1",
        "IPAddress": ENGINE_ADDRESS,
        "IPPrefixLen": 16,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "02:42:ac:12:00:02",
        "DriverOpts": None,
    }


def _mount(game: str) -> _Json:
    return {
        "Type": "bind",
        "Source": f"/var/lib/galaxy/games/{game}",
        "Destination": "/var/lib/galaxy-game",
        "Mode": "",
        "RW": True,
        "Propagation": "rprivate",
    }


def _host_config(network: str) -> _Json:
    """Return about as much as Docker shows, most of which nobody reads."""
    more = {f"Setting{number}": None for number in range(60)}
    return {"NetworkMode": network, "RestartPolicy": {"Name": "no"}, **more}


async def _serve_docker(
    docker: FakeDocker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer requests on one connection; the stream of events only begins."""
    docker.calls["connection"] += 1
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        path = re.sub(r"^/v[\d.]+|\?.*$", "", head.split(b" ", 2)[1].decode())
        if path == "/events":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            continue
        body = docker.answer(path)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.41\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()


class _Engine(asyncio.Protocol):
    """Every engine: healthy, whatever it is asked."""

    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when the head is complete, and close."""
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(_HEALTHY)
            self.transport.close()


async def _serve(socket: str, games: list[str], network: str) -> None:
    docker = FakeDocker(games, network)
    loop = asyncio.get_running_loop()
    api = await asyncio.start_unix_server(
        lambda reader, writer: _serve_docker(docker, reader, writer), socket
    )
    engines = await loop.create_server(_Engine, ENGINE_ADDRESS, 8080, backlog=1024)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(api.serve_forever(), engines.serve_forever())


def main() -> None:
    """Serve until killed; reads the games' ids from a file, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket")
    parser.add_argument("network")
    parser.add_argument("games")
    asked = parser.parse_args()
    games = Path(asked.games).read_text(encoding="utf-8").split()
    uvloop.run(_serve(asked.socket, games, asked.network))


if __name__ == "__main__":
    main()
