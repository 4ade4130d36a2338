"""An engine cannot command the manager: what it sends through its network's gateway is not read.

Real containers on the engines' network, and a service that listens on that network's gateway.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from dev.checkout import ensure_network, networks_named
from rtmanager.domain.container import KIND, KIND_LABEL, OWNER, OWNER_LABEL
from tests.acceptance.fault_injection import Proxies
from tests.support.calls import ok, wait_until
from tests.support.docker import drop_network
from tests.support.environment import (
    Environment,
    NewEnvironment,
    Row,
    image_of,
    new_game,
)
from tests.support.running_service import RUNTIMES

OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}
SENDS_AND_READS = "printf '{request}'; cat >&2"
SENDS_AND_ENDS = "printf '{request}'; sleep 0.01"
ASKS_ON = (
    "for n in $(seq 40); do "
    "printf 'GET {path} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n'; sleep 0.5; done & cat >&2"
)
OF_OPERATORS = ("/metrics", "/console/", "/api/v1/operator/runtimes", "/api/v1/operator/events")
SERVED = "HTTP/1.1 200 OK"


@pytest.fixture(scope="module")
def gateway(docker_api: Any, service_network: str) -> str:
    """Return this host's address on the engines' network."""
    (network,) = networks_named(docker_api, service_network)
    return str(network["IPAM"]["Config"][0]["Gateway"])


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, gateway: str, all_proxies: Proxies) -> Environment:
    """Return a service that engines can reach, and that reaches Docker through a proxy."""
    return new_environment(host=gateway, docker_host=all_proxies.docker_host)


@pytest.fixture
def games(environment: Environment, new_games: Callable[[int], list[str]]) -> tuple[str, str]:
    """Return two games that run."""
    first, second = new_games(2)
    for game in (first, second):
        ok(environment.start(game))
    return first, second


@contextmanager
def new_network(docker_host: str) -> Iterator[str]:
    """Make a network without engines."""
    name = new_game()
    ensure_network(docker_host, name)
    yield name
    drop_network(docker_host, name)


@pytest.fixture
def other_network(docker_host: str) -> Iterator[str]:
    """Return a network without engines."""
    with new_network(docker_host) as name:
        yield name


def command(environment: Environment, method: str, path: str, script: str) -> list[str]:
    """Return a command that sends one request from inside a container, by a script."""
    service = environment.service
    request = (
        f"{method} {path} HTTP/1.1\\r\\nHost: {service.host}\\r\\nConnection: close\\r\\n\\r\\n"
    )
    shell = ["/bin/sh", "-c", script.format(request=request)]
    return ["/bin/nc", service.host, str(service.port), "-e", *shell]


def from_inside(environment: Environment, game: str, method: str, path: str) -> str:
    """Return what a game's engine is answered."""
    sent = command(environment, method, path, SENDS_AND_READS)
    started = environment.docker.exec_create(f"galaxy-game-{game}", sent)
    return str(environment.docker.exec_start(started["Id"]).decode())


@contextmanager
def container(
    environment: Environment, sends: list[str], labels: Mapping[str, str], network: str
) -> Iterator[str]:
    """Start a container that sends a request in its first moment; yields its id."""
    api = environment.docker
    host = api.create_host_config(network_mode=network)
    made = api.create_container(
        image_of("1.4.7"), sends, name=new_game(), labels=labels, host_config=host
    )
    try:
        api.start(made["Id"])
        yield str(made["Id"])
    finally:
        api.remove_container(made["Id"], force=True)


def answer_to(
    environment: Environment, sends: list[str], labels: Mapping[str, str], network: str
) -> str:
    """Return what a container was answered that sent a request in its first moment."""
    with container(environment, sends, labels, network) as made:
        environment.docker.wait(made)
        return str(environment.docker.logs(made).decode())


def from_elsewhere(environment: Environment, sends: list[str], network: str) -> str:
    """Return what an engine is answered that was moved to another network while it ran."""
    api = environment.docker
    with container(environment, ["/bin/sleep", "60"], OURS, environment.network) as made:
        api.connect_container_to_network(made, network)
        api.disconnect_container_from_network(made, environment.network)
        started = api.exec_create(made, sends)
        return str(api.exec_start(started["Id"]).decode())


def refused(environment: Environment) -> list[Row]:
    """Return the log lines of refused engines."""
    lines = map(json.loads, environment.service.log.splitlines())
    return [line for line in lines if line["event"] == "engine_connection_refused"]


def restart_of(game: str) -> str:
    """Return the path that restarts a game."""
    return f"{RUNTIMES}/{game}/restart"


def test_an_engine_is_not_read(environment: Environment, games: tuple[str, str]) -> None:
    """From inside one game neither is another restarted nor are games listed; one line says so."""
    first, second = games
    before = environment.containers(second)

    assert from_inside(environment, first, "POST", restart_of(second)) == ""
    for path in (RUNTIMES, *OF_OPERATORS):
        assert from_inside(environment, first, "GET", path) == ""
    assert environment.containers(second)[0]["Id"] == before[0]["Id"]
    assert [row["kind"] for row in environment.operations(second)] == ["start"]
    (line,) = [each for each in refused(environment) if each["game_id"] == first]
    assert line["container"] == environment.containers(first)[0]["Id"]


@pytest.mark.parametrize("script", [SENDS_AND_READS, SENDS_AND_ENDS])
def test_an_engine_is_not_read_in_its_first_moment(
    environment: Environment, games: tuple[str, str], script: str
) -> None:
    """Neither an engine that connects as soon as it runs is read, nor one that ends then."""
    _, second = games
    sends = command(environment, "POST", restart_of(second), script)
    labels = OURS | {"com.galaxy.game_id": new_game()}

    answers = [answer_to(environment, sends, labels, environment.network) for _ in range(3)]

    assert answers == ["", "", ""]
    assert [row["kind"] for row in environment.operations(second)] == ["start"]


@pytest.mark.parametrize("script", [SENDS_AND_READS, SENDS_AND_ENDS])
def test_the_first_engine_on_a_new_network_is_not_read(
    environment: Environment, games: tuple[str, str], other_network: str, script: str
) -> None:
    """What Docker said before there was the network and its engine admits nobody on it."""
    _, second = games
    sends = command(environment, "POST", restart_of(second), script)

    assert answer_to(environment, sends, OURS, other_network) == ""
    assert [row["kind"] for row in environment.operations(second)] == ["start"]


def test_an_engine_is_not_read_on_a_network_that_it_was_attached_to(
    environment: Environment, games: tuple[str, str], other_network: str
) -> None:
    """No engine was on that network when Docker was asked before."""
    _, second = games
    sends = command(environment, "POST", restart_of(second), SENDS_AND_READS)

    assert from_elsewhere(environment, sends, other_network) == ""
    assert [row["kind"] for row in environment.operations(second)] == ["start"]


def test_an_engine_that_was_admitted_is_cut_off(
    environment: Environment, docker_host: str, proxies: Proxies
) -> None:
    """While Docker is away its last answer decides; a connection does not outlive the next one.

    The network is made while Docker is away, so that no earlier answer shows it.
    """
    service, api = environment.service, environment.docker
    ok(environment.call("GET", RUNTIMES))
    proxies.docker.refuse()
    script = ASKS_ON.format(path=RUNTIMES, host=service.host)
    sends = ["/bin/nc", service.host, str(service.port), "-e", "/bin/sh", "-c", script]
    with (
        new_network(docker_host) as network,
        container(environment, sends, OURS, network) as made,
    ):
        wait_until(lambda: SERVED.encode() in api.logs(made))
        proxies.docker.pass_on()
        api.wait(made)
        assert api.logs(made).decode().count(SERVED) < 40


def test_other_callers_are_served(
    environment: Environment, games: tuple[str, str], other_network: str
) -> None:
    """Containers without our labels are served from any network, as is this host itself."""
    _, second = games
    sends = command(environment, "GET", f"{RUNTIMES}/{second}", SENDS_AND_READS)

    for network in (environment.network, other_network):
        assert answer_to(environment, sends, {}, network).startswith(SERVED)
    assert ok(environment.get(second))["status"] == "running"


def test_a_listener_on_the_engines_network_is_warned_of(environment: Environment) -> None:
    """One line at the start says what to do about it."""
    lines = map(json.loads, environment.service.log.splitlines())
    (line,) = [each for each in lines if each["event"] == "listens_on_engines_network"]

    assert line["address"] == f"{environment.service.host}:{environment.service.port}"
    assert "RTMANAGER_INTERNAL_HTTP_ADDR" in line["advice"]


def test_an_operator_can_let_engines_in(
    new_environment: NewEnvironment, gateway: str, new_games: Callable[[int], list[str]]
) -> None:
    """Without the refusal an engine restarts another game: what is refused above does arrive."""
    first, second = new_games(2)
    open_to_all = new_environment(host=gateway, refuse_engine_connections="false")
    for game in (first, second):
        ok(open_to_all.start(game))

    assert from_inside(open_to_all, first, "POST", restart_of(second)).startswith(SERVED)
    assert [row["kind"] for row in open_to_all.operations(second)] == ["start", "restart"]


def test_refused_connections_are_counted(
    environment: Environment, new_environment: NewEnvironment, gateway: str
) -> None:
    """The metrics of the service show how many were closed, and why."""
    counting = new_environment(host=gateway)
    counting.service.stop()
    with counting.service.using(("rtmanager", "serve"), {"OTEL_METRICS_EXPORTER": "console"}):
        counting.service.start()
        sends = command(counting, "GET", RUNTIMES, SENDS_AND_READS)
        answers = [answer_to(counting, sends, OURS, environment.network) for _ in range(2)]
        counting.service.stop()  # the last metrics are exported at the end

    _, _, metric = counting.service.log.rpartition('"rtmanager.connections.refused"')
    assert answers == ["", ""]
    assert '"reason": "not_admitted"' in metric
    assert '"value": 2' in metric
