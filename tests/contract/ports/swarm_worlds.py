"""A real Swarm of one node behind the interface of the port's tests."""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import closing, suppress
from typing import Any

import docker

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.swarm import labels as kept
from rtmanager.adapters.swarm.host import SwarmContainerHost
from rtmanager.adapters.swarm.http_api import HttpSwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.pinned_images import PinnedImages
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_names import game_prefix
from rtmanager.adapters.swarm.service_outputs import ServiceOutputs
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.domain.container import GAME_ID_LABEL, ContainerId
from tests.contract.ports.docker_worlds import GOOD, RealWorld, _ignoring_absence, new_game_id

STOP_GRACE = 1
_LOCAL = "bridge"
"""A network that no service can be on."""
_ENDED = {"complete", "shutdown", "failed", "rejected"}


class SwarmWorld(RealWorld):
    """A Swarm of one node; everything that a test creates is removed after it."""

    is_swarm = True

    def __init__(self, address: str, network: str, registry: str, state_path: str) -> None:
        self.managers: list[Managers] = []
        super().__init__(address, network, registry, state_path)

    def new_host(  # type: ignore[override]
        self, *, network: str, address: str = "", timeout: float = 10.0
    ) -> SwarmContainerHost:
        """Return a client of the same Swarm, or of other managers."""
        managers = Managers(
            [DockerClient(each, timeout=timeout) for each in (address or self.address).split(",")],
            timeout=timeout,
        )
        api = HttpSwarmApi(managers)
        made = SwarmContainerHost(
            api,
            PinnedImages(managers, RegistryCredentials()),
            ServiceOutputs(api, managers),
            SystemClock(),
            SwarmPolicy(network=network, timeout=timeout, stop_grace=STOP_GRACE),
        )
        self.managers.append(managers)
        return made

    async def send(self, call: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Let the call run until it has changed a service."""
        before, task = await self._versions(), asyncio.create_task(call)
        while await self._versions() == before and not task.done():  # noqa: ASYNC110 - nor does a Swarm
            await asyncio.sleep(0.05)
        return task

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the engine, and wait until the manager has heard of it."""
        (task,) = self._tasks(container_id)
        self.api.kill(task["Status"]["ContainerStatus"]["ContainerID"])
        while self._tasks(container_id)[0]["Status"]["State"] not in _ENDED:
            time.sleep(0.05)

    def vanish(self, container_id: ContainerId) -> None:
        """Let someone else remove the service."""
        self.api.remove_service(container_id)

    def add_foreign(self, name: str, labels: Mapping[str, str], network: str) -> str:
        """Let someone else create a service, as another Runtime Manager would."""
        game_id = labels.get(GAME_ID_LABEL)
        made = self.api.create_service(
            {"ContainerSpec": {"Image": GOOD}},
            name=f"{game_prefix(game_id)}0" if game_id else name,
            labels={**labels, kept.NETWORK: network},
            networks=[] if network == _LOCAL else [network],
            mode={"Replicated": {"Replicas": 0}},
            endpoint_spec={"Mode": "dnsrr"},
        )
        self.foreign.append(made["ID"])
        return str(made["ID"])

    def attach(self, container_id: ContainerId) -> str:
        """Let someone else put the service on one more network, for which it gets a new task."""
        network = new_game_id()
        self.api.create_network(network, driver="overlay", attachable=True)
        self.networks.append(network)
        found = self.api.inspect_service(container_id)
        spec = found["Spec"]
        spec["TaskTemplate"]["Networks"].append({"Target": network})
        change = {"version": found["Version"]["Index"]}
        url = self.api._url("/services/{0}/update", container_id)  # noqa: SLF001 - the SDK's drops labels
        self.api._raise_for_status(self.api._post_json(url, data=spec, params=change))  # noqa: SLF001
        while [len(each["NetworksAttachments"]) for each in self._running(container_id)] != [2]:
            time.sleep(0.05)
        return network

    def write(self, container_id: ContainerId, size: int) -> None:
        """Write a file in the container."""
        (task,) = self._tasks(container_id)
        super().write(ContainerId(task["Status"]["ContainerStatus"]["ContainerID"]), size)

    async def aclose(self) -> None:
        """Remove what the test created."""
        for each in self.managers:
            await each.aclose()
        with closing(self.api):
            for service in {*self.foreign, *(one["ID"] for one in self._services())}:
                _ignoring_absence(lambda: self.api.remove_service(service))  # noqa: B023 - called at once
            for network in self.networks:
                self._drop_network(network)
            for reference in self.references:
                with suppress(docker.errors.APIError):  # its last container may still be there
                    self.api.remove_image(reference, force=True)

    def _drop_network(self, network: str) -> None:
        """Remove a network; the tasks that are on it have a moment to end."""
        for _ in range(100):
            with suppress(docker.errors.APIError):
                self.api.remove_network(network)
                return
            time.sleep(0.1)

    async def _versions(self) -> dict[str, int]:
        """Return the versions of ours, by their ids."""
        found = await asyncio.to_thread(self._services)
        return {one["ID"]: one["Version"]["Index"] for one in found}

    def _services(self) -> list[Any]:
        return list(self.api.services(filters={"label": f"{kept.NETWORK}={self.network}"}))

    def _running(self, container_id: ContainerId) -> list[Any]:
        return [each for each in self._tasks(container_id) if each["Status"]["State"] == "running"]

    def _tasks(self, container_id: ContainerId) -> list[Any]:
        return list(self.api.tasks({"service": container_id}))


__all__ = ["SwarmWorld", "new_game_id"]
