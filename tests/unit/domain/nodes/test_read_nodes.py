"""Which games are on which node."""

import pytest

from rtmanager.domain.container import INSTALLATION_LABEL, ContainerId
from rtmanager.domain.errors import NotFound, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, Placement
from rtmanager.domain.nodes.read_nodes import NodeView
from tests.unit.domain.nodes.cycles import NodeCycles
from tests.unit.domain.world import GAME, World


@pytest.fixture
def nodes(world: World) -> list[Node]:
    """Return two nodes."""
    return [world.nodes.add("b"), world.nodes.add("a")]


async def put(world: World, game: GameId, node: Node) -> ContainerId:
    """Start a game on a node."""
    await world.manager.start(game=game)
    engine = world.containers[f"galaxy-game-{game}"]
    engine.placement = Placement(node=node.id, name=node.name)
    return engine.id


async def test_single_host_has_no_nodes_and_is_not_asked(world: World) -> None:
    """Docker's list, which may be long, is not read for nothing."""
    assert await world.manager.cases.nodes.list() == []
    assert "host.list_containers" not in world.manager.calls


async def test_games_are_with_their_nodes_in_order(world: World, nodes: list[Node]) -> None:
    """Nodes by name, games by id; a game without a node is on none."""
    for game, node in (("z", nodes[0]), ("y", nodes[0]), ("x", nodes[1])):
        await put(world, GameId(game), node)
    await world.manager.start()

    found = await world.manager.cases.nodes.list()

    assert [(each.node.name, each.games) for each in found] == [("a", ["x"]), ("b", ["y", "z"])]


async def test_stopped_games_and_those_of_others_are_not_on_it(
    world: World, nodes: list[Node]
) -> None:
    """Neither keeps a node from being taken off by this service's operators."""
    await put(world, GAME, nodes[0])
    await world.manager.stop()
    foreign = world.docker.containers[await put(world, GameId("g2"), nodes[0])]
    foreign.spec.labels[INSTALLATION_LABEL] = "elsewhere"  # type: ignore[index]

    assert [each.games for each in await world.manager.cases.nodes.list()] == [[], []]


async def test_records_are_read_only_when_engines_have_ended_with_a_node(
    world: World, nodes: list[Node]
) -> None:
    """The list answers while Postgres is away, except then."""
    engine = await put(world, GAME, nodes[0])
    world.manager.on("records.list", ServiceUnavailable(), always=True)

    await world.manager.cases.nodes.list()
    world.docker.crash(engine, exit_code=143)
    world.docker.containers[engine].ended_with_node = True

    with pytest.raises(ServiceUnavailable):
        await world.manager.cases.nodes.list()


async def test_node_that_has_left_is_not_found(world: World, nodes: list[Node]) -> None:
    """Its id names no other one."""
    assert (await world.manager.cases.nodes.get(nodes[0].id)).node == nodes[0]
    with pytest.raises(NotFound, match="no node gone"):
        await world.manager.cases.nodes.get(NodeId("gone"))


async def view_of(cycles: NodeCycles, name: str = "a") -> NodeView:
    """Return a node as operators see it."""
    return await cycles.process.cases.nodes.get(cycles.swarm.node(name).id)


async def test_drain_is_seen_from_its_beginning_to_its_end(cycles: NodeCycles) -> None:
    """The number of games that are left falls to zero, and stays so while it is drained."""
    before = await view_of(cycles)
    await cycles.process.cases.mark_nodes.drain("a")
    begun = await view_of(cycles)
    await cycles.drain.run()
    done = await view_of(cycles)

    assert [each.games_left for each in (before, begun, done)] == [None, 2, 0]
    assert [len(each.games) for each in (before, begun, done)] == [2, 2, 0]


async def test_loss_is_seen_from_its_beginning_to_its_end(cycles: NodeCycles) -> None:
    """First nobody knows; after somebody's word the games are left to be moved, then they are."""
    cycles.swarm.power_off("a")
    await cycles.watch.run()
    silent = await view_of(cycles)
    await cycles.process.cases.mark_nodes.lost("a")
    lost = await view_of(cycles)
    await cycles.move.run()
    moved = await view_of(cycles)

    assert [each.is_out_of_reach for each in (silent, lost, moved)] == [True, False, False]
    assert [len(each.games) for each in (silent, lost, moved)] == [2, 0, 0]
    assert [each.games_left for each in (silent, lost, moved)] == [None, 2, 0]


async def test_game_that_was_stopped_after_the_loss_is_not_left(cycles: NodeCycles) -> None:
    """Nobody is about to start it."""
    cycles.swarm.power_off("a")
    await cycles.process.cases.mark_nodes.lost("a")
    (game, *_) = [game for game, node in cycles.places().items() if node == "a"]
    await cycles.process.stop(GameId(game))

    assert (await view_of(cycles)).games_left == 1
