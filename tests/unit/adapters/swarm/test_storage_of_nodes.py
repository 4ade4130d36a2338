"""A node on which the games' storage is not mounted."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.swarm.api import Json
from rtmanager.adapters.swarm.endings import Endings
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.services import Services
from rtmanager.adapters.swarm.starts import Starts
from rtmanager.domain.errors import StartConfigInvalid

AT = "2026-11-29T21:00:00Z"
REFUSAL = (
    'invalid mount config for type "bind": bind source path does not exist: '
    "/srv/games/.galaxy-state-1"
)


class OneRefusedService:
    """The managers' answers about one service, whose node refuses its task."""

    def __init__(self) -> None:
        self.version = 1
        labels = {"com.galaxy.name": "galaxy-game-g1", "com.galaxy.game_id": "g1"}
        self.spec: Json = {
            "Name": "galaxy-1",
            "Labels": labels,
            "TaskTemplate": {"ContainerSpec": {"Image": "sha256:1"}, "ForceUpdate": 0},
            "Mode": {"Replicated": {"Replicas": 0}},
        }

    async def service(self, service_id: str) -> Json:
        """Return it as it is."""
        version = {"Index": self.version}
        return {"ID": service_id, "Version": version, "CreatedAt": AT, "Spec": self.spec}

    async def services(self, **_: Sequence[str]) -> Sequence[Json]:
        """Return the only one."""
        return [await self.service("abc")]

    async def update_service(self, _: str, __: int, spec: Json, **___: object) -> None:
        """Take the change."""
        self.version, self.spec = self.version + 1, spec

    async def tasks(self, **_: Sequence[str]) -> Sequence[Json]:
        """Return the refused task while one is wanted."""
        if not self.spec["Mode"]["Replicated"]["Replicas"]:
            return []
        status = {"State": "rejected", "Timestamp": AT, "Err": REFUSAL}
        template = self.spec["TaskTemplate"]
        about = {"ID": "t", "ServiceID": "abc", "NodeID": "n", "CreatedAt": AT, "UpdatedAt": AT}
        return [{**about, "Status": status, "DesiredState": "shutdown", "Spec": template}]

    async def node(self, node_id: str) -> Json:
        """Return the node that lacks the storage."""
        shown: dict[str, Any] = {"ID": node_id, "Description": {"Hostname": "node-7"}}
        return shown | {"Spec": {}, "Status": {"State": "ready"}, "Version": {"Index": 1}}


async def test_a_start_there_names_the_node_and_what_to_mount() -> None:
    """It is a fault of the configuration, and the start is taken back."""
    api: Any = OneRefusedService()
    clock, policy = ManualClock(), SwarmPolicy(network="galaxy-net")
    services = Services(api, clock, policy.network, policy.timeout)
    starts = Starts(services, Endings(api, services, clock), clock, policy)

    with pytest.raises(StartConfigInvalid, match=r"node node-7 lacks .*/\.galaxy-state-1; mount"):
        await asyncio.wait_for(starts.start("abc"), timeout=5)

    assert api.spec["Mode"]["Replicated"]["Replicas"] == 0
