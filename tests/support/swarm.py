"""A Swarm for tests: one node that is private to the run, networks on it, and seats for services.

The run's first test that needs it starts it, and the end of the run removes it. What is on it at
the end need not be removed before. All workers share it: never mark its node, nor disturb it.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.swarm.namespaces import inside
from dev.swarm.node import ensure_overlay
from dev.swarm.private_swarm import PrivateSwarm
from dev.swarm.relay import End, Relay
from dev.swarm.seat import Seat
from dev.swarm.store import STORE
from tests.support.run import LEADER, Say, run_name
from tests.support.running_service import NO_TLS


class Relays:
    """Opens routes between network namespaces, in a thread of its own."""

    def __init__(self) -> None:
        self._relay = Relay()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()

    def open(self, namespace: Path, ports: Sequence[int]) -> None:
        """Let these loopback ports of this process lead from the namespace to here."""
        for port in ports:
            self._run(self._relay.open(End(port, str(namespace)), partial(_to, End(port))))

    def publish(self, namespace: Path, port: int) -> None:
        """Let a loopback port here lead to the same one in the namespace."""
        self._run(self._relay.open(End(port), partial(_to, End(port, str(namespace)))))

    def close(self) -> None:
        """Close all, with every connection."""
        self._run(self._relay.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def _to(end: End) -> list[End]:
    return [end]


@dataclass(frozen=True)
class SwarmNetwork:
    """An overlay network with a seat on it, from which engines can be reached."""

    name: str
    swarm: PrivateSwarm
    seat: Seat
    relays: Relays = field(repr=False)

    @property
    def enter(self) -> Sequence[str]:
        """The module, and its argument, that runs another one on the seat."""
        return ("dev.swarm.enter", str(self.seat.namespace))

    def reach(self, *addresses: str) -> None:
        """Let the seat reach these host:port on this machine's loopback interface."""
        ports = [int(address.rpartition(":")[2]) for address in addresses]
        self.relays.open(self.seat.namespace, ports)

    def publish(self, port: int) -> None:
        """Let this process reach the port on which a service on the seat listens."""
        self.relays.publish(self.seat.namespace, port)

    def get(self, url: str) -> httpx.Response:
        """Send a request to an engine, at its address on the network."""
        with inside(self.seat.namespace):
            return httpx.get(url, verify=NO_TLS, timeout=5, trust_env=False)


@pytest.fixture(scope="session")
def relays() -> Iterator[Relays]:
    """Return what opens routes between this process and the Swarm, until its end."""
    made = Relays()
    yield made
    made.close()


@pytest.fixture(scope="session")
def swarm(docker_host: str, demo_images: list[str], say: Say) -> Iterator[PrivateSwarm]:
    """Return the run's Swarm of one node, which has the demo images; it must not end before."""
    assert demo_images
    found = PrivateSwarm(STORE / run_name())
    found.ensure(int(os.environ[LEADER]), docker_host, say)
    yield found
    machine = found.node.machine
    assert machine.is_on, f"dockerd ended:\n{machine.log_file.read_text()[-4000:]}"


@pytest.fixture(scope="session")
def swarm_api(swarm: PrivateSwarm) -> Iterator[Any]:
    """Return a client of the Swarm's manager, to observe and to interfere."""
    with swarm.node.api() as api:
        yield api


@pytest.fixture(scope="session")
def swarm_registry(swarm: PrivateSwarm, relays: Relays, registry: str) -> str:
    """Return host:port of the empty registry, which the Swarm's node now reaches there too."""
    relays.open(swarm.node.machine.network(), [int(registry.rpartition(":")[2])])
    return registry


NewSwarmNetwork = Callable[[], SwarmNetwork]


@pytest.fixture(scope="session")
def new_swarm_network(swarm: PrivateSwarm, relays: Relays) -> NewSwarmNetwork:
    """Return a function that makes a network with a seat, for one service and its engines."""

    def make() -> SwarmNetwork:
        name = f"{run_name()}-{secrets.token_hex(4)}"
        ensure_overlay(swarm.node, name)
        return SwarmNetwork(name, swarm, Seat.on(swarm.node, name, f"seat-{name}"), relays)

    return make


@pytest.fixture(scope="session")
def swarm_network(new_swarm_network: NewSwarmNetwork) -> SwarmNetwork:
    """Return a network of this process's own."""
    return new_swarm_network()
