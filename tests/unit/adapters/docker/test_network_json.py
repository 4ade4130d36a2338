from typing import Any

import pytest

from rtmanager.adapters.docker.network_json import attached, network


def answer(*blocks: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a network as Docker 20.10 lists and inspects it."""
    facts: dict[str, Any] = {
        "Id": "3601",
        "Name": "galaxy-net",
        "Driver": "bridge",
        "IPAM": {"Driver": "default", "Options": {}, "Config": list(blocks) or None},
        "Containers": {},
    }
    return facts | changes


@pytest.mark.parametrize(
    ("block", "gateway"),
    [
        ({"Subnet": "172.24.0.0/16", "Gateway": "172.24.0.1"}, "172.24.0.1"),
        ({"Subnet": "172.24.0.0/16", "Gateway": "172.24.0.9/16"}, "172.24.0.9"),
        ({"Subnet": "10.211.7.0/24"}, "10.211.7.1"),
        ({"Subnet": "10.211.0.0/16", "IPRange": "10.211.7.0/24"}, "10.211.7.1"),
        ({"Subnet": "fd00:211:7::/64"}, "fd00:211:7::1"),
        ({"Subnet": "fd00:211:7::/64", "Gateway": "fd00:211:7::5/64"}, "fd00:211:7::5"),
    ],
)
def test_the_host_has_the_first_address_unless_another_is_shown(
    block: dict[str, str], gateway: str
) -> None:
    """Docker does not show the gateway of a subnet that was chosen without one."""
    found = network(answer(block))

    assert (set(found.gateways), set(found.subnets)) == ({gateway}, {block["Subnet"]})


def test_both_families_are_shown() -> None:
    """A container on a network of both families has two addresses."""
    endpoint = {"IPv4Address": "172.25.0.2/16", "IPv6Address": "fd00:211:7::2/64"}

    found = attached(answer(Containers={"d0af": endpoint}))

    assert found == {"d0af": {"172.25.0.2", "fd00:211:7::2"}}


def test_an_endpoint_that_is_just_removed_is_nobody_s() -> None:
    """It may be that of an engine which has just ended: it must not pass for another container."""
    endpoint = {"IPv4Address": "172.25.0.2/16", "IPv6Address": ""}

    assert attached(answer(Containers={"ep-2943": endpoint})) == {}


@pytest.mark.parametrize("empty", [{"Config": None}, {"Config": []}, {"Config": [{}]}])
def test_a_network_without_addresses_has_none(empty: dict[str, Any]) -> None:
    """Docker's networks `host` and `none` have no subnets and no gateways."""
    shown = answer(Driver="host", IPAM=empty, Containers=None)
    found = network(shown)

    assert attached(shown) == {}
    assert (found.subnets, found.gateways, found.is_private) == (frozenset(), frozenset(), False)
