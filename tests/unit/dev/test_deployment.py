"""The deployment files: callers and engines are on different networks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from rtmanager.config import Settings
from rtmanager.config.formats import parse_duration

ROOT = Path(__file__).parents[3]


@pytest.fixture
def compose() -> dict[str, Any]:
    """Return the compose file."""
    return dict(yaml.safe_load((ROOT / "deploy/compose.yaml").read_text()))


def test_the_service_listens_on_the_callers_network_only(compose: dict[str, Any]) -> None:
    """Engines share a network with the service, which does not listen there."""
    service, networks = compose["services"]["rtmanager"], compose["networks"]
    address = service["networks"]["galaxy-callers"]["ipv4_address"]
    (block,) = networks["galaxy-callers"]["ipam"]["config"]

    assert service["environment"]["RTMANAGER_INTERNAL_HTTP_ADDR"] == f"{address}:8096"
    assert ip_address(address) in ip_network(block["subnet"])
    assert "galaxy-net" in service["networks"]


def test_engines_cannot_use_the_published_port(compose: dict[str, Any]) -> None:
    """It is published on loopback, and the engines' network leads nowhere."""
    (port,) = compose["services"]["rtmanager"]["ports"]

    assert port.startswith("127.0.0.1:")
    assert compose["networks"]["galaxy-net"]["internal"] is True


def test_the_published_port_leads_to_the_callers_network(compose: dict[str, Any]) -> None:
    """Docker publishes ports on the first network by name that is not internal."""
    networks = compose["services"]["rtmanager"]["networks"]
    open_ones = [name for name in networks if not compose["networks"][name].get("internal")]

    assert open_ones == ["galaxy-callers"]


def test_the_image_runs_as_a_user_of_its_own() -> None:
    """The last word of the Dockerfile is a user that is not root."""
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)

    assert users == ["8096:8096"]


def test_the_image_is_made_of_wheels_alone() -> None:
    """Nothing is compiled, so no compiler is installed, and the last step gets no build tools."""
    first, _, last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")

    assert "PIP_ONLY_BINARY=:all:" in first
    assert "apt" not in first + last
    assert "pip" not in last


def test_the_service_of_the_compose_file_can_do_little(compose: dict[str, Any]) -> None:
    """No capability, a read-only file system, and Docker's socket by its group."""
    service = compose["services"]["rtmanager"]

    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [each.partition(":")[0] for each in service["group_add"]] == ["${DOCKER_GID"]
    assert not {"user", "cap_add", "privileged"} & service.keys()


def test_state_directories_belong_to_the_user_of_the_image(compose: dict[str, Any]) -> None:
    """A service that is not root cannot give them to others."""
    environment = compose["services"]["rtmanager"]["environment"]
    owner = [environment[f"RTMANAGER_GAME_STATE_OWNER_{each}"] for each in ("UID", "GID")]

    assert owner == [8096, 8096]
    assert environment["RTMANAGER_GAME_STATE_DIR_MODE"] == "0777"


def test_the_container_is_not_killed_while_it_shuts_down(compose: dict[str, Any]) -> None:
    """Docker waits for longer than the service does for what runs."""
    waits = compose["services"]["rtmanager"]["stop_grace_period"]

    assert int(waits.removesuffix("s")) > parse_duration(str(_default("shutdown_timeout")))


def test_the_drain_that_the_balancer_needs_is_what_its_file_says() -> None:
    """A replica whose drain is as long as advised is left before its listener ends."""
    text = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
    found = re.search(r"inter (\w+) fastinter (\w+) fall (\d+)", text)
    advised = re.search(r"an answer's time: (\d+)s suits", text)
    assert found is not None
    assert advised is not None

    inter, fastinter = (parse_duration(each) for each in found.group(1, 2))
    assert inter + (int(found[3]) - 1) * fastinter + 2 < int(advised[1])


@pytest.fixture
def stacked() -> dict[str, Any]:
    """Return the service of the stack."""
    stack = yaml.safe_load((ROOT / "deploy/stack.yaml").read_text())
    return dict(stack["services"]["rtmanager"])


def test_the_stack_has_one_replica_on_each_manager(stacked: dict[str, Any]) -> None:
    """Each has the socket and the port of its own host; one is replaced after the other."""
    deploy = stacked["deploy"]
    (port,) = stacked["ports"]

    assert deploy["placement"] == {
        "constraints": ["node.role==manager"],
        "max_replicas_per_node": 1,
    }
    assert (port["mode"], port["published"]) == ("host", 8096)
    assert (deploy["update_config"]["order"], deploy["update_config"]["parallelism"]) == (
        "stop-first",
        1,
    )


def test_the_stack_s_settings_are_ones_of_the_service(stacked: dict[str, Any]) -> None:
    """With what an operator sets for the stack's variables, the service starts on a Swarm."""
    values = {
        "DOCKER_GID": "994",
        "GALAXY_POSTGRES_DSN": "postgresql://rtmanager@db/rtmanager",
        "GALAXY_REDIS_ADDR": "redis:6379",
    }
    environment = {
        name: _interpolated(str(value), values) for name, value in stacked["environment"].items()
    }
    secrets = {name: value for name, value in environment.items() if name.endswith("_FILE")}
    plain = {name: value for name, value in environment.items() if name not in secrets}

    settings = Settings.from_environment(plain)

    assert settings.platform == "swarm"
    assert settings.internal_http_addr.port == stacked["ports"][0]["target"]
    mounted = {f"/run/secrets/{each['source']}" for each in stacked["secrets"]}
    assert set(secrets.values()) == mounted


def _interpolated(text: str, values: Mapping[str, str]) -> str:
    """Fill in variables as Docker does: a value, else a default."""
    return re.sub(
        r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda it: values.get(it[1], it[2] or ""), text
    )


def test_callers_of_the_stack_need_tokens_and_engines_stay_inside(stacked: dict[str, Any]) -> None:
    """It listens on every address, so that only tokens and the internal network keep others out."""
    text = (ROOT / "deploy/stack.yaml").read_text()

    assert "RTMANAGER_API_TOKENS_FILE" in stacked["environment"]
    assert re.search(r"network create .*--internal galaxy-net$", text, flags=re.MULTILINE)


def test_the_service_of_the_stack_can_do_little(stacked: dict[str, Any]) -> None:
    """No capability, a read-only file system, Docker's socket by its group, its own directories."""
    environment = stacked["environment"]
    owner, group = (environment[f"RTMANAGER_GAME_STATE_OWNER_{each}"] for each in ("UID", "GID"))

    assert stacked["cap_drop"] == ["ALL"]
    assert stacked["read_only"] is True
    assert stacked["user"].startswith(f"{owner}:${{DOCKER_GID")
    assert group == "${DOCKER_GID}"
    assert not {"cap_add", "privileged"} & stacked.keys()


def test_tasks_of_the_stack_are_not_killed_while_they_shut_down(stacked: dict[str, Any]) -> None:
    """Swarm waits for longer than a replica drains and finishes what runs."""
    drain = parse_duration(stacked["environment"]["RTMANAGER_DRAIN_DELAY"])
    waits = parse_duration(stacked["stop_grace_period"])

    assert waits > drain + parse_duration(str(_default("shutdown_timeout")))


def test_the_compose_file_and_the_stack_differ_in_what_a_swarm_needs(
    compose: dict[str, Any], stacked: dict[str, Any]
) -> None:
    """A setting of one is one of the other, but for those that say where things are."""
    ours = compose["services"]["rtmanager"]["environment"].keys()
    swarms = {
        *("RTMANAGER_PLATFORM", "RTMANAGER_DOCKER_HOST", "RTMANAGER_API_TOKENS_FILE"),
        *("RTMANAGER_DRAIN_DELAY", "RTMANAGER_GAME_LEASE_WAIT"),
    }

    assert stacked["environment"].keys() - ours == swarms
    assert ours <= stacked["environment"].keys()


def _default(name: str) -> object:
    return Settings.model_fields[name].default


@pytest.mark.parametrize("shown", ["127.0.0.1:{port}", ":{port}", "0.0.0.0:{port}"])
def test_the_image_s_health_check_asks_where_the_service_listens(shown: str) -> None:
    """The check follows RTMANAGER_INTERNAL_HTTP_ADDR, by loopback if it has no host."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (check,) = (line for line in lines if line.startswith("HEALTHCHECK "))
    code = json.loads(check.partition(" CMD ")[2])[-1]
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        server.timeout = 20
        Thread(target=server.handle_request).start()
        address = {"RTMANAGER_INTERNAL_HTTP_ADDR": shown.format(port=server.server_port)}
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **address}, check=True)

    assert asked == ["/healthz"]
