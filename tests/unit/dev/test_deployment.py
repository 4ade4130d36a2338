"""The deployment files: callers and engines are on different networks."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

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
