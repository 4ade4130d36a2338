"""Swarm shows for a quarter of a second how a task has ended: whoever sees it keeps it for all."""

import asyncio
from collections.abc import Sequence
from typing import Any

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.swarm.api import Json
from rtmanager.adapters.swarm.endings import Endings
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import Services

AT = "2026-11-29T21:00:00Z"


class Manager:
    """The answers about services that were scaled to nothing, each with one task.

    `listed` and `looked_at` are the states that its lists show one after the other, the last one
    again and again; a task without a state is gone. A look waits until it `may_look`.
    """

    def __init__(self, listed: Sequence[str], looked_at: Sequence[str]) -> None:
        self.listed, self.looked_at = list(listed), list(looked_at)
        self.may_look = asyncio.Event()
        self.may_look.set()
        self.looking = asyncio.Event()
        self.is_forgotten = asyncio.Event()

    async def service(self, service_id: str) -> Json:
        """Return a service that is not wanted any more."""
        self.looking.set()
        await self.may_look.wait()
        spec = {"Name": service_id, "Mode": {"Replicated": {"Replicas": 0}}, "TaskTemplate": {}}
        return {"ID": service_id, "Version": {"Index": 2}, "CreatedAt": AT, "Spec": spec}

    async def tasks(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the next state of the task."""
        states = self.looked_at if "service" in filters else self.listed
        state = states.pop(0) if len(states) > 1 else states[0]
        if self.listed == [""]:
            self.is_forgotten.set()
        return [task(state)] if state else []

    async def node(self, node_id: str) -> Json:
        """Return a node that is well."""
        about = {"ID": node_id, "Description": {"Hostname": "node1"}, "Spec": {}}
        return {**about, "Status": {"State": "ready"}, "Version": {"Index": 1}}


def task(state: str) -> Json:
    """Return the task in a state; one that has ended shows its exit code."""
    ended = {"ContainerID": "c", "ExitCode": 143} if state == "shutdown" else {"ContainerID": "c"}
    status = {"State": state, "Timestamp": AT, "ContainerStatus": ended}
    about = {"ID": "t", "ServiceID": "s", "NodeID": "n", "CreatedAt": AT, "UpdatedAt": AT}
    return {**about, "Status": status, "DesiredState": "remove", "Spec": {}}


async def before(services: Services) -> ServiceView:
    """Return the service as it was when its stop began."""
    found = await services.view("s")
    assert found is not None
    return found


def exit_code(ended: ServiceView) -> int | None:
    """Return the exit code that was seen."""
    return ended.last.exit_code if ended.last else None


async def test_end_that_only_the_look_at_the_service_shows_is_seen() -> None:
    """The list of what is being ended was read a moment before, and is read too late again."""
    api: Any = Manager(["running"], ["running", "shutdown"])
    services = Services(api, ManualClock(), "galaxy-net", 10.0)
    endings = Endings(api, services, ManualClock())

    ended = await asyncio.wait_for(endings.wait(await before(services), limit=10), timeout=5)

    assert exit_code(ended) == 143


async def test_end_is_seen_by_those_who_look_at_their_services_meanwhile() -> None:
    """Another stop reads the list at that moment."""
    api: Any = Manager(["running", "shutdown", ""], ["running", ""])
    clock = ManualClock()
    services = Services(api, clock, "galaxy-net", 10.0)
    endings = Endings(api, services, clock)
    first = await before(services)
    api.may_look.clear()
    api.looking.clear()
    looking = asyncio.create_task(endings.wait(first, limit=10))
    await api.looking.wait()
    other = asyncio.create_task(endings.wait(first, limit=10))
    await api.is_forgotten.wait()
    api.may_look.set()

    assert exit_code(await asyncio.wait_for(looking, timeout=5)) == 143
    assert exit_code(await asyncio.wait_for(other, timeout=5)) == 143
