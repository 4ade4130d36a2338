import pytest
from structlog.testing import capture_logs

from rtmanager.config import Address
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.monitoring.engine_addresses import EngineAddresses, LocalNetwork
from rtmanager.server.exposure import warn_of_listener


def network(name: str, *subnets: str) -> LocalNetwork:
    """Return a network of the container host."""
    shown = ContainerNetwork(
        id=NetworkId(name),
        name=name,
        is_private=True,
        subnets=frozenset(subnets),
        gateways=frozenset(),
    )
    return LocalNetwork.of(shown)


ENGINES = EngineAddresses(
    networks=[
        network("galaxy-net", "172.30.0.0/16", "fd00:9::/64"),
        network("galaxy-callers", "172.31.0.0/16"),
    ],
    containers={},
    engines_on=frozenset({"galaxy-net"}),
)


@pytest.mark.parametrize(
    ("host", "event"),
    [
        ("", "listens_on_every_interface"),
        ("0.0.0.0", "listens_on_every_interface"),  # noqa: S104 - what is warned of
        ("::", "listens_on_every_interface"),
        ("::ffff:0.0.0.0", "listens_on_every_interface"),
        ("172.30.0.1", "listens_on_engines_network"),
        ("fd00:9::1", "listens_on_engines_network"),
    ],
)
def test_a_listener_that_engines_can_reach_is_warned_of(host: str, event: str) -> None:
    """One line says where the service listens and what to do about it."""
    with capture_logs() as lines:
        warn_of_listener(Address(host, 8096), ENGINES)

    (line,) = lines
    assert (line["event"], line["log_level"]) == (event, "warning")
    assert line["address"] == str(Address(host, 8096))
    assert "RTMANAGER_INTERNAL_HTTP_ADDR" in line["advice"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "172.31.0.1", "fd00:8::1"])
def test_other_listeners_are_not_warned_of(host: str) -> None:
    """Loopback and networks without engines are where the service is to listen."""
    with capture_logs() as lines:
        warn_of_listener(Address(host, 8096), ENGINES)

    assert lines == []


def test_every_interface_is_warned_of_even_if_no_engines_are_known() -> None:
    """The warning does not depend on Docker."""
    with capture_logs() as lines:
        warn_of_listener(Address("::", 8096), None)

    assert len(lines) == 1
