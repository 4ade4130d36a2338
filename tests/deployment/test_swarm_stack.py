"""Three Runtime Managers, deployed as a stack of the Swarm that they manage."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment.swarm_stack import NETWORK, SERVICE, SwarmStack, swarm_stack
from tests.support.calls import error, message, ok, wait_until
from tests.support.run import Say
from tests.support.running_service import RUNTIMES

WORKERS = "/api/v1/operator/workers"
IMAGE = {"image_ref": "galaxy/game:1.4.7"}
LEADS_WITHIN, UPDATED_WITHIN = 15.0, 150.0


@pytest.fixture(scope="module")
def stack(
    docker_host: str,
    docker_api: Any,
    demo_images: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    say: Say,
) -> Iterator[SwarmStack]:
    """Return the stack, every replica of which is ready."""
    assert demo_images
    began, directory = time.monotonic(), tmp_path_factory.mktemp("stack")
    with swarm_stack(directory, docker_host, docker_api, say) as made:
        say(f"the stack was ready on three managers after {time.monotonic() - began:.0f} s")
        yield made


def test_every_manager_has_one_replica(stack: SwarmStack) -> None:
    """Each serves at the port of its own host, and one of them leads."""
    found = [
        len(stack.containers(node, label=f"com.docker.swarm.service.name={SERVICE}"))
        for node in stack.nodes
    ]

    assert found == [1, 1, 1]
    assert stack.ready() == [node.name for node in stack.nodes]


def test_any_replica_goes_on_where_another_one_stopped(stack: SwarmStack) -> None:
    """A game is started, read, restarted and stopped through different managers."""
    first, second, third = stack.nodes

    started = ok(stack.request(first, "POST", f"{RUNTIMES}/g1/start", json=IMAGE))
    read = ok(stack.request(second, "GET", f"{RUNTIMES}/g1"))
    restarted = ok(stack.request(third, "POST", f"{RUNTIMES}/g1/restart"))
    stopped = ok(stack.request(second, "POST", f"{RUNTIMES}/g1/stop", json={"reason": "finished"}))

    assert read == started
    assert restarted["current_container_id"] != started["current_container_id"]
    assert (restarted["status"], stopped["status"]) == ("running", "stopped")
    assert (stack.state_root / "g1/starts").read_text().strip() == "2"


def test_whoever_has_no_token_is_refused(stack: SwarmStack) -> None:
    """The port is open on every address of the host."""
    answer = stack.request(stack.nodes[0], "GET", RUNTIMES, headers={})

    assert error(answer) == (401, "invalid_request")


def test_engines_reach_no_port_of_a_host(stack: SwarmStack) -> None:
    """Their network is internal: nothing leads out of it."""
    code = (
        "import socket\n"
        "try: socket.create_connection(('{}', 8096), 3)\n"
        "except OSError as error: print(error.strerror)"
    )
    python = stack.docker("service", "inspect", "--format", _IMAGE, SERVICE).strip()
    run = ("run", "--rm", "--network", NETWORK, "--entrypoint", "python", python, "-c")

    said = stack.docker(*run, code.format(stack.nodes[0].machine.address))

    assert said.strip() == "Network is unreachable"


_IMAGE = "{{.Spec.TaskTemplate.ContainerSpec.Image}}"


def test_no_engine_starts_on_a_node_without_the_storage(stack: SwarmStack) -> None:
    """Docker refuses it there, and the caller is told which node lacks what."""
    *others, last = stack.nodes
    _set_availability(stack, others, "pause")
    try:
        with stack.without_storage(last):
            answer = stack.request(others[0], "POST", f"{RUNTIMES}/g2/start", json=IMAGE)
        again = stack.request(others[0], "POST", f"{RUNTIMES}/g2/start", json=IMAGE)
    finally:
        _set_availability(stack, others, "active")

    assert error(answer) == (400, "start_config_invalid")
    assert f"node {last.name} lacks the games' storage" in message(answer)
    assert ok(again)["status"] == "running"


def test_another_replica_leads_when_the_leader_is_killed(stack: SwarmStack) -> None:
    """Its workers move, and Swarm starts a replica in its place."""
    before = _leader(stack)
    (node,) = [each for each in stack.nodes if stack.containers(each, id=str(before))]
    with node.api() as api:
        api.kill(before)

    def another_leads() -> bool:
        found = [each for each in stack.nodes if each is not node and stack.is_ready(each)]
        return bool(found) and _leader(stack) not in {None, before}

    wait_until(another_leads, seconds=LEADS_WITHIN)
    stack.wait_until_ready()


def test_an_update_replaces_one_replica_after_the_other(stack: SwarmStack) -> None:
    """Two are ready at any time, so that a balancer always has one to send a request to."""
    stack.docker("service", "update", "--detach", "--force", SERVICE)
    fewest, deadline = len(stack.nodes), time.monotonic() + UPDATED_WITHIN

    while (state := _update_state(stack)) != "completed":
        assert time.monotonic() < deadline, state
        fewest = min(fewest, len(stack.ready()))

    assert fewest == len(stack.nodes) - 1
    stack.wait_until_ready()


def _leader(stack: SwarmStack) -> str | None:
    """Return the host name of the replica that leads: the beginning of its container's id."""
    node = next(each for each in stack.nodes if stack.is_ready(each))
    report = ok(stack.request(node, "GET", WORKERS))
    hosts = {each["replica_id"]: str(each["host"]) for each in report["replicas"]}
    return hosts.get(report["leader"])


def _update_state(stack: SwarmStack) -> str:
    shown = "{{with .UpdateStatus}}{{.State}}{{end}}"
    return stack.docker("service", "inspect", "--format", shown, SERVICE).strip()


def _set_availability(stack: SwarmStack, nodes: Any, availability: str) -> None:
    for node in nodes:
        stack.docker("node", "update", "--availability", availability, node.name)
