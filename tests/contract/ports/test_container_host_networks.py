"""The container host port's view of networks, on the double and on a real Docker."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from tests.contract.ports.docker_fixtures import created, exited, inspected, running
from tests.contract.ports.docker_worlds import EXITS, DockerWorld, new_game_id

Attached = Mapping[ContainerId, frozenset[str]]


async def network_of(world: DockerWorld, name: str = "") -> ContainerNetwork:
    """Return the view of one network, of the configured one by default."""
    networks = await world.host.networks()
    (found,) = [each for each in networks if each.name == (name or world.network)]
    return found


async def attached_to(world: DockerWorld, name: str = "") -> Attached:
    """Return who has which addresses on one network, on the configured one by default."""
    return await world.host.attached((await network_of(world, name)).id)


async def test_a_network_shows_its_subnet_and_the_host_s_address(docker_world: DockerWorld) -> None:
    """The host's own address lies in the network's subnet; nobody beyond the host has one."""
    found = await network_of(docker_world)

    (gateway,), (subnet,) = found.gateways, found.subnets
    assert (found.name, found.is_private) == (docker_world.network, True)
    assert ip_address(gateway) in ip_network(subnet)


async def test_a_network_shows_the_addresses_of_what_runs(docker_world: DockerWorld) -> None:
    """What runs has its address there, the others none; all show the network that they are on."""
    made, runs = await created(docker_world), await running(docker_world)
    ended = await running(docker_world, EXITS)
    await exited(docker_world, ended)

    attached = await attached_to(docker_world)

    assert attached[runs] == {(await inspected(docker_world, runs)).address}
    assert {made, ended}.isdisjoint(attached)
    await _shows_its_network(docker_world, made)
    await _shows_its_network(docker_world, runs)


async def test_a_network_shows_strangers_too(docker_world: DockerWorld) -> None:
    """The addresses of containers without our labels are shown as well."""
    stranger = ContainerId(docker_world.add_foreign(new_game_id(), {}, docker_world.network))
    await docker_world.host.start(stranger)

    assert (await attached_to(docker_world))[stranger]


async def test_a_container_on_several_networks_has_an_address_on_each(
    docker_world: DockerWorld,
) -> None:
    """Others may attach our container to one more network; both have an address of it."""
    container_id = await running(docker_world)
    more = docker_world.attach(container_id)

    listed = {one.id: one for one in await docker_world.host.list_containers()}[container_id]
    addresses = [(await attached_to(docker_world, name))[container_id] for name in (more, "")]

    assert listed.attached_to == {docker_world.network, more}
    assert len(set().union(*addresses)) == 2


async def test_nobody_is_on_a_network_that_does_not_exist(docker_world: DockerWorld) -> None:
    """A network may go between the list and the question who is on it."""
    assert await docker_world.host.attached(NetworkId("0" * 64)) == {}


async def test_containers_are_shown_by_their_ids(docker_world: DockerWorld) -> None:
    """Ours and others are shown in any state; those that do not exist are left out."""
    stranger = ContainerId(docker_world.add_foreign(new_game_id(), {}, docker_world.network))
    ours, gone = await running(docker_world), await created(docker_world)
    await created(docker_world)
    await docker_world.host.remove(gone)

    found = await docker_world.host.containers_with({stranger, ours, gone})

    assert {one.id: one.has_our_labels for one in found} == {stranger: False, ours: True}
    assert await docker_world.host.containers_with({gone}) == []
    assert not await docker_world.host.containers_with(())


async def _shows_its_network(world: DockerWorld, container_id: ContainerId) -> None:
    """List and inspection show a container's network from its creation on."""
    listed = {one.id: one for one in await world.host.list_containers()}[container_id]

    assert listed.attached_to == {world.network}
    assert (await inspected(world, container_id)).attached_to == {world.network}
