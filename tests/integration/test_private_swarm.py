"""The private Swarm of a test run: what it offers, and that nothing of it stays."""

import os
import socket
import subprocess
import sys
from typing import Any

import httpx
import psutil

from dev.free_port import free_port
from dev.swarm.machine import CGROUPS
from dev.swarm.namespaces import inside
from dev.swarm.private_swarm import PrivateSwarm
from dev.swarm.store import STORE, remove_abandoned
from tests.support.calls import wait_until
from tests.support.run import PROJECT, Say, run_name
from tests.support.swarm import SwarmNetwork


def service_on(api: Any, network: str, name: str) -> str:
    """Run a demo engine as a service on a network; return its address once it has one."""
    image = api.inspect_image("galaxy/game:1.4.7")["Id"]
    spec = {
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, "Healthcheck": {"Test": ["NONE"]}, "Init": True},
            "RestartPolicy": {"Condition": "none"},
            "Networks": [{"Target": network}],
        },
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    response = api._post_json(api._url("/services/create"), data=spec)  # noqa: SLF001 - as the adapter
    service = api._result(response, json=True)["ID"]  # noqa: SLF001

    def task() -> Any:
        (found,) = api.tasks({"service": service}) or [{"Status": {}}]
        return found

    wait_until(lambda: task()["Status"].get("State") == "running")
    attached = next(
        each for each in task()["NetworksAttachments"] if each["Network"]["Spec"]["Name"] == network
    )
    return str(attached["Addresses"][0].partition("/")[0])


def test_an_engine_is_reached_from_the_seat(swarm_network: SwarmNetwork, swarm_api: Any) -> None:
    """A service's container answers on the overlay, on which the seat is."""
    address = service_on(swarm_api, swarm_network.name, f"reached-{os.getpid()}")
    wait_until(lambda: is_healthy(swarm_network, f"http://{address}:8080/healthz"))


def is_healthy(network: SwarmNetwork, url: str) -> bool:
    """Return whether an engine answers already."""
    try:
        return bool(network.get(url).json()["status"] == "ok")
    except httpx.TransportError:
        return False


def test_a_process_on_the_seat_and_this_one_reach_each_other(
    swarm_network: SwarmNetwork, redis_addr: str
) -> None:
    """A published port leads to the seat; from there the servers of this machine are reached."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", *swarm_network.enter, "http.server", str(port), "-b", "127.0.0.1"],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
    )
    try:
        swarm_network.publish(port)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/README.md"))
        swarm_network.reach(redis_addr)
        host, _, redis_port = redis_addr.partition(":")
        with inside(swarm_network.seat.namespace):
            connection = socket.create_connection((host, int(redis_port)), timeout=5)
    finally:
        server.kill()
        server.wait()
    with connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"


def answers(url: str) -> bool:
    """Return whether a server answers already."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def test_of_a_swarm_that_lost_its_run_nothing_stays(
    docker_host: str, demo_images: list[str], say: Say
) -> None:
    """Processes, control groups and data of an abandoned Swarm are removed, not those of others."""
    assert demo_images
    swarm = PrivateSwarm(STORE / f"{run_name()}-lost")
    with subprocess.Popen(["sleep", "600"]) as run:
        try:
            swarm.ensure(run.pid, docker_host, say)
            with swarm.node.api() as api:
                api.start(api.create_container("galaxy/game:1.4.7"))
            remove_abandoned()
            assert swarm.node.machine.is_on
        finally:
            run.kill()

    remove_abandoned()

    assert not swarm.directory.exists()
    assert not list(CGROUPS.glob(f"**/{swarm.directory.name}*"))
    assert not [each for each in psutil.process_iter(["cmdline"]) if mentions(each, swarm)]


def mentions(process: psutil.Process, swarm: PrivateSwarm) -> bool:
    """Return whether a process was started with something in the Swarm's directory."""
    return str(swarm.directory) in " ".join(process.info["cmdline"] or [])
