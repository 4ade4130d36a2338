"""Starting engines through Docker's SDK alone: the same containers, without the service."""

import copy
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import docker

ENGINE_PORT = 8080
HEALTHY_WITHIN = 30.0
_POLL_SECONDS = 0.01
_OWNER_LABEL = "com.galaxy.owner"


class DockerAlone:
    """Makes containers like one that the service made, with a state directory each.

    Their owner label is another one, so that the service leaves them alone.
    """

    def __init__(self, address: str, like: str, state_root: Path, network: str) -> None:
        self._api: Any = docker.APIClient(base_url=address, max_pool_size=64)
        self._root, self._network = state_root, network
        made = self._api.inspect_container(like)
        labels = made["Config"]["Labels"] | {_OWNER_LABEL: "bench"}
        kept = {name: made["Config"][name] for name in ("Env", "Image")}
        self._config = {**kept, "Labels": labels, "HostConfig": made["HostConfig"]}

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def start(self, game: str) -> float:
        """Start an engine and wait for its first healthy answer; return the seconds."""
        began = time.perf_counter()
        self._wait_until_healthy(self._created_and_started(game))
        return time.perf_counter() - began

    def start_all(self, games: Sequence[str], threads: int) -> float:
        """Start engines in so many threads, wait until all are healthy; return the seconds."""
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            for container in list(pool.map(self._created_and_started, games)):
                self._wait_until_healthy(container)
        return time.perf_counter() - began

    def _created_and_started(self, game: str) -> str:
        directory = self._root / game
        directory.mkdir()
        os.chown(directory, 0, 0)
        directory.chmod(0o750)
        made = self._api.create_container_from_config(
            self._config_of(game, directory), f"alone-{game}"
        )
        self._api.start(made["Id"])
        return str(made["Id"])

    def _config_of(self, game: str, directory: Path) -> Mapping[str, Any]:
        config = copy.deepcopy(self._config) | {"Hostname": f"alone-{game}"[:63]}
        (mount,) = config["HostConfig"]["Mounts"]
        mount["Source"] = str(directory)
        return config

    def _wait_until_healthy(self, container: str) -> None:
        shown = self._api.inspect_container(container)
        address = shown["NetworkSettings"]["Networks"][self._network]["IPAddress"]
        deadline = time.perf_counter() + HEALTHY_WITHIN
        while not _is_healthy(address):
            if time.perf_counter() > deadline:
                raise RuntimeError(f"the engine of {shown['Name']} did not become healthy")
            time.sleep(_POLL_SECONDS)


def _is_healthy(address: str) -> bool:
    connection = HTTPConnection(address, ENGINE_PORT, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - as HTTP has it
    except OSError:
        return False
    finally:
        connection.close()
