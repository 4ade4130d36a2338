import asyncio
import logging
from typing import Any

import pytest

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import KIND, KIND_LABEL, OWNER, OWNER_LABEL, ContainerStatus
from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring import engine_connections
from rtmanager.domain.monitoring.engine_connections import (
    REMEMBERED,
    REPEAT_AFTER,
    SHORT_WAIT,
    EngineConnections,
)
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.world import GAME, Hang, World

GATEWAY = "172.30.0.1"
OUTSIDE = "10.9.8.7"
NOBODY = "172.30.9.9"
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}
ELSEWHERE = "galaxy-callers"


@pytest.fixture
def connections(running: World) -> EngineConnections:
    """Return who decides about connections, on a host where one engine runs."""
    return running.manager.cases.connections


@pytest.fixture
async def informed(running: World, connections: EngineConnections) -> EngineConnections:
    """Return the same a second after Docker was asked about a caller from outside."""
    await connections.admits(OUTSIDE)
    running.clock.advance(REPEAT_AFTER)
    running.manager.calls.clear()
    return connections


def address_of(container: MemoryContainer) -> str:
    """Return the address of a container that runs."""
    assert container.address is not None
    return container.address


def calls(world: World) -> list[str]:
    """Return the calls to Docker."""
    return [each.removeprefix("host.") for each in world.manager.calls if ":" not in each]


def questions(world: World) -> int:
    """Return how often Docker was asked."""
    return calls(world).count("networks")


async def turns() -> None:
    """Let every task run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    """Return the fields of all log lines of an event."""
    return [vars(each) for each in caplog.records if each.message == name]


async def test_an_engine_is_refused(running: World, connections: EngineConnections) -> None:
    """Who has the address of one of our containers may not connect."""
    assert not await connections.admits(address_of(running.engine))


async def test_an_engine_is_refused_on_a_listener_of_both_families(
    running: World, connections: EngineConnections
) -> None:
    """Its IPv4 address is the same when it is shown as an IPv6 address."""
    assert not await connections.admits(f"::ffff:{address_of(running.engine)}")


@pytest.mark.parametrize("peer", [OUTSIDE, GATEWAY, "127.0.0.1", "::1", "::ffff:127.3.2.1"])
async def test_other_callers_are_admitted(connections: EngineConnections, peer: str) -> None:
    """Other machines, this host's own address on the engines' network, and loopback may connect."""
    assert await connections.admits(peer)


async def test_a_container_that_is_no_engine_is_admitted(
    running: World, connections: EngineConnections
) -> None:
    """The Game Master may run on the engines' network."""
    master = running.docker.add_foreign("game-master", running=True)

    assert await connections.admits(address_of(master))


async def test_engines_of_other_installations_are_refused(
    running: World, connections: EngineConnections
) -> None:
    """Any Runtime Manager's engine runs other people's code, whatever it is called."""
    other = running.docker.add_foreign("stranger", labels=OURS, running=True)

    assert not await connections.admits(address_of(other))


async def test_an_engine_is_refused_on_every_network(
    running: World, connections: EngineConnections
) -> None:
    """Somebody may have attached it to one more network."""
    address = running.docker.connect(running.engine.id, ELSEWHERE)

    assert not await connections.admits(address)


async def test_an_engine_on_another_network_only_is_refused(
    running: World, connections: EngineConnections
) -> None:
    """A container of ours may have been created before the network setting changed."""
    running.docker.networks.add(ELSEWHERE)
    old = running.docker.add_foreign("old", labels=OURS, network=ELSEWHERE, running=True)

    assert not await connections.admits(address_of(old))


async def test_an_engine_that_has_just_started_is_refused(
    running: World, informed: EngineConnections
) -> None:
    """An engine that Docker never showed is refused with its first connection."""
    await running.manager.start(game=GameId("g2"))
    running.manager.calls.clear()

    assert not await informed.admits(address_of(running.containers["galaxy-game-g2"]))
    assert questions(running) == 1


async def test_the_first_engine_on_a_new_network_is_refused(
    running: World, informed: EngineConnections
) -> None:
    """A second manager may make a network of its own; this one has never heard of it."""
    await informed.admits(OUTSIDE)  # so that what Docker said is as new as it can be
    running.docker.networks.add(ELSEWHERE)
    engine = running.docker.add_foreign("theirs", labels=OURS, network=ELSEWHERE, running=True)

    assert not await informed.admits(address_of(engine))


async def test_an_engine_is_refused_on_a_network_that_it_was_just_attached_to(
    running: World, informed: EngineConnections
) -> None:
    """The network is known, and callers on it were served a moment ago."""
    running.docker.networks.add(ELSEWHERE)
    caller = running.docker.add_foreign("caller", network=ELSEWHERE, running=True)
    served = await informed.admits(address_of(caller))
    address = running.docker.connect(running.engine.id, ELSEWHERE)

    assert served
    assert not await informed.admits(address)


async def test_who_was_admitted_is_refused_once_it_is_an_engine(
    running: World, informed: EngineConnections
) -> None:
    """A caller's address may be an engine's a moment later."""
    caller = running.docker.add_foreign("caller", running=True)
    address = address_of(caller)
    served = await informed.admits(address)
    running.docker.vanish(caller.id)
    engine = running.docker.add_foreign("engine", labels=OURS, running=True)

    assert served
    assert address_of(engine) == address
    assert not await informed.admits(address)


async def test_an_engine_that_is_gone_before_it_is_identified_is_refused(
    running: World, informed: EngineConnections
) -> None:
    """Its network still showed it, but nobody can tell any more what it was."""

    async def remove() -> None:
        running.docker.vanish(running.engine.id)

    address = address_of(running.engine)
    running.manager.on("host.containers_with", remove)

    assert not await informed.admits(address)


async def test_an_engine_that_the_list_does_not_show_running_yet_is_refused(
    running: World, informed: EngineConnections
) -> None:
    """Docker's list lags behind a start; its networks do not."""
    running.docker.lag = 60.0
    await running.manager.start(game=GameId("g2"))
    engine = running.containers["galaxy-game-g2"]

    assert engine.listed(then=0.0).status is ContainerStatus.CREATED
    assert not await informed.admits(address_of(engine))


async def test_an_engine_that_has_ended_meanwhile_is_refused(
    running: World, informed: EngineConnections
) -> None:
    """What it sent before it ended is not read: nobody is known to have its address."""
    address = address_of(running.engine)
    running.docker.crash(running.engine.id)

    assert not await informed.admits(address)


async def test_who_has_an_engine_s_former_address_is_admitted(
    running: World, informed: EngineConnections
) -> None:
    """Docker reuses addresses, so none is held against its next container."""
    address = address_of(running.engine)
    running.docker.crash(running.engine.id)
    master = running.docker.add_foreign("game-master", running=True)

    assert master.address == address
    assert await informed.admits(address)


async def test_an_unknown_peer_of_a_network_beyond_this_host_is_admitted(
    running: World, connections: EngineConnections
) -> None:
    """On such a network are machines that Docker does not show; its engines are refused."""
    address = running.docker.connect(running.engine.id, ELSEWHERE)
    running.docker.addresses.shared.add(ELSEWHERE)

    assert await connections.admits(address[:-1] + "200")
    assert not await connections.admits(address)


@pytest.mark.parametrize("peer", ["fe80::42:acff:fe19:2", "fe80::42:acff:fe19:2%br-1", "", "x"])
async def test_a_peer_that_nobody_can_identify_is_refused(
    connections: EngineConnections, peer: str
) -> None:
    """Docker does not show link-local addresses, and engines on IPv6 networks have one."""
    assert not await connections.admits(peer)


async def test_peers_that_come_together_share_an_answer(
    running: World, informed: EngineConnections
) -> None:
    """All peers that come at once cost one answer; those who come during it, one more."""
    hang = Hang()
    running.manager.on("host.networks", hang)
    first = [asyncio.create_task(informed.admits(f"172.30.1.{n}")) for n in range(200)]
    await hang.reached.wait()
    later = [asyncio.create_task(informed.admits(f"172.30.2.{n}")) for n in range(200)]
    await turns()
    during = questions(running)
    hang.release()
    await asyncio.gather(*first, *later)

    assert (during, questions(running)) == (1, 2)


async def test_an_answer_that_began_before_the_engine_connected_does_not_admit_it(
    running: World, informed: EngineConnections
) -> None:
    """An answer under way may have been given before the engine started."""
    hang = Hang()
    running.manager.on("host.attached:done", hang)  # what Docker showed is on its way
    earlier = asyncio.create_task(informed.admits("172.30.1.1"))
    await hang.reached.wait()
    await running.manager.start(game=GameId("g2"))
    engine = asyncio.create_task(informed.admits(address_of(running.containers["galaxy-game-g2"])))
    await turns()
    hang.release()

    assert not await engine
    assert not await earlier


async def test_callers_outside_of_the_engines_networks_cause_no_lists(
    running: World, informed: EngineConnections
) -> None:
    """On a host with a thousand containers they cost a list of networks a second, not one each.

    No container is listed, and nobody is looked for on a network.
    """
    for number in range(1000):
        running.docker.add_foreign(f"engine-{number}", labels=OURS)
    peers = [OUTSIDE, "127.0.0.1", "fd00::9", "192.0.2.7"]

    for _ in range(3):
        together = [informed.admits(peer) for peer in peers * 250]
        assert all(await asyncio.gather(*together))
        assert all([await informed.admits(peer) for peer in peers * 250])
        running.clock.advance(REPEAT_AFTER)
    assert calls(running) == ["networks"] * 3


async def test_the_host_costs_a_question_a_second(
    running: World, informed: EngineConnections
) -> None:
    """No container can have the address of a gateway as long as its network exists."""
    assert all([await informed.admits(GATEWAY) for _ in range(250)])
    assert calls(running) == ["networks", "attached"]


async def test_a_container_is_identified_once(running: World, informed: EngineConnections) -> None:
    """What a container is never changes; who has its address is asked every time."""
    address = address_of(running.docker.add_foreign("game-master", running=True))

    assert all([await informed.admits(address) for _ in range(3)])
    each = ["networks", "attached"]
    assert calls(running) == [*each, "containers_with", *each, *each]


async def test_few_callers_are_remembered(running: World, informed: EngineConnections) -> None:
    """Memory does not grow with the number of addresses that connect."""
    callers = [f"10.1.{n >> 8}.{n & 255}" for n in range(2 * REMEMBERED)]
    await asyncio.gather(*map(informed.admits, callers))

    assert questions(running) == 1
    assert len(informed._lasting) == REMEMBERED  # noqa: SLF001 - that it is bounded shows nowhere else


async def test_a_flood_from_an_engine_costs_a_list_a_second(
    running: World, informed: EngineConnections
) -> None:
    """An engine that connects again and again does not keep Docker busy."""
    address = address_of(running.engine)

    assert not any([await informed.admits(address) for _ in range(100)])
    assert questions(running) == 1


@pytest.mark.parametrize("fault", [unavailable(), refusal()])
async def test_without_docker_its_last_answer_decides(
    running: World, informed: EngineConnections, fault: Exception
) -> None:
    """Known engines stay refused, and known callers are served."""
    master = running.docker.add_foreign("game-master", running=True)
    await informed.admits(address_of(master))
    running.manager.on("host.networks", fault, always=True)
    running.clock.advance(60)

    assert not await informed.admits(address_of(running.engine))
    assert await informed.admits(address_of(master))
    assert await informed.admits(OUTSIDE)
    assert not await informed.admits(NOBODY)


async def test_without_any_answer_only_loopback_is_admitted(
    running: World, connections: EngineConnections
) -> None:
    """Who the engines are is not known at all then; the service does not start without Docker."""
    running.docker.reachable = False

    assert not await connections.admits(OUTSIDE)
    assert await connections.admits("127.0.0.1")


async def test_docker_that_hangs_is_waited_for_a_moment_only(
    running: World, informed: EngineConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last answer decides then, whoever the peer is."""
    monkeypatch.setattr(engine_connections, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(engine_connections, "SHORT_WAIT", 0.01)
    running.manager.on("host.networks", Hang(), always=True)

    async with asyncio.timeout(5):
        assert await informed.admits(OUTSIDE)
        assert await informed.admits("10.9.8.6")
        assert not await informed.admits(address_of(running.engine))


async def test_known_callers_wait_no_longer_than_a_second_for_an_answer_under_way(
    running: World, informed: EngineConnections
) -> None:
    """An answer that has taken a second is not waited for any more by who was outside before."""
    hang = Hang()
    running.manager.on("host.networks", hang)
    engine = asyncio.create_task(informed.admits(address_of(running.engine)))
    await hang.reached.wait()
    waiting = asyncio.create_task(informed.admits(OUTSIDE))
    await turns()
    waited = not waiting.done()
    running.clock.advance(SHORT_WAIT)

    assert waited
    assert await informed.admits(OUTSIDE)
    hang.release()
    assert await waiting
    assert not await engine


async def test_an_engine_is_logged_once(
    running: World, connections: EngineConnections, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says which game it was, from where."""
    address = address_of(running.engine)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            await connections.admits(address)
            running.clock.advance(60)

    (line,) = events(caplog, "engine_connection_refused")
    assert (line["game_id"], line["container"], line["address"]) == (
        GAME,
        running.engine.id,
        address,
    )


async def test_a_container_that_is_gone_is_forgotten(
    running: World, connections: EngineConnections, caplog: pytest.LogCaptureFixture
) -> None:
    """The next engine of the game is logged again, and memory does not grow with containers."""
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await connections.admits(address_of(running.engine))
            await running.manager.restart()
            running.clock.advance(60)
    await connections.admits(NOBODY)

    assert len(events(caplog, "engine_connection_refused")) == 3
    assert connections._logged == set()  # noqa: SLF001 - that it is bounded shows nowhere else


async def test_a_refusal_at_the_start_is_logged_and_the_first_peer_asks_again(
    running: World, connections: EngineConnections, caplog: pytest.LogCaptureFixture
) -> None:
    """The service serves what needs no answer of Docker, and until it has one admits nobody."""
    listed = await running.manager.host.list_containers()
    running.manager.on("host.networks", refusal(), always=True)

    await connections.learn(listed)

    assert [each["error"] for each in events(caplog, "engine_addresses_unknown")] == [
        "500 Server Error"
    ]
    assert not await connections.admits(OUTSIDE)
    running.manager.on("host.networks", unavailable())
    assert not await connections.admits(OUTSIDE)
    assert await connections.admits(OUTSIDE)


async def test_an_error_that_nobody_expects_is_logged_and_the_last_answer_decides(
    running: World, informed: EngineConnections, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, with its trace, and not left to the event loop."""
    await informed.admits(address_of(running.engine))
    running.manager.on("host.networks", LookupError("no such field"), always=True)
    for _ in range(3):
        running.clock.advance(60)
        assert await informed.admits(OUTSIDE)
        assert not await informed.admits(address_of(running.engine))

    lines = events(caplog, "engine_addresses_unknown")
    assert [each["error"] for each in lines] == ["LookupError('no such field')"]
    assert lines[0]["exc_info"]


async def test_a_question_under_way_ends_when_the_service_closes(
    running: World, informed: EngineConnections
) -> None:
    """A Docker that hangs holds up no shutdown, and nobody's task is left over."""
    running.manager.on("host.networks", Hang(), always=True)
    waiting = asyncio.create_task(informed.admits(address_of(running.engine)))
    await turns()

    await informed.close()

    assert not await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_outage_of_docker_is_logged_once(
    running: World, informed: EngineConnections, caplog: pytest.LogCaptureFixture
) -> None:
    """A flood during an outage does not fill the log; the next outage is logged again."""
    with caplog.at_level(logging.WARNING):
        for is_reachable in (False, False, True, False):
            running.docker.reachable = is_reachable
            await informed.admits(NOBODY)

    assert len(events(caplog, "engine_addresses_unknown")) == 2
