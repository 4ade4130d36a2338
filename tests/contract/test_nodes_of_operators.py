"""What operators see and say of nodes, as the contract has it."""

from typing import Any

import pytest
from structlog.typing import EventDict

from rtmanager.domain.node import Node, NodeMark, NodeState, Placement
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from tests.contract.caller import FOREIGN_PAGE, JSON, Caller
from tests.unit.domain.world import GAME, World

NODES = "/api/v1/operator/nodes"
WORDS = ("lost", "drain", "activate")


@pytest.fixture
async def node(caller: Caller, world: World) -> Node:
    """Return a node with a running game."""
    node = world.nodes.add("worker-1")
    world.nodes.change(node.id, reserved_cpus=1.0, reserved_memory=512 << 20)
    await caller.start(GAME)
    world.engine.placement = Placement(node=node.id, name=node.name)
    return node


def goes_down(world: World, node: Node) -> None:
    """Let the managers not hear of the node any more."""
    world.nodes.change(node.id, state=NodeState.DOWN)
    world.engine.placement = Placement(node=node.id, name=node.name, is_down=True)


async def test_single_host_has_no_nodes_and_says_so(caller: Caller) -> None:
    """The list is empty, and a word on any node is a conflict."""
    answers = {word: await caller.post(f"{NODES}/worker-1/{word}") for word in WORDS}

    assert (await caller.get(NODES)).json == {"items": []}
    assert {each.error for each in answers.values()} == {(409, "conflict")}
    assert {each.message for each in answers.values()} == {
        "there are no nodes: all games run on a single Docker host"
    }


async def test_node_is_shown_with_its_games(caller: Caller, node: Node) -> None:
    """With everything that is known of it, and nothing to do."""
    assert (await caller.get(NODES)).json["items"] == [
        {
            "node_id": node.id,
            "name": "worker-1",
            "state": "ready",
            "availability": "active",
            "role": "worker",
            "cpus": 4.0,
            "memory_bytes": 8 << 30,
            "reserved_cpus": 1.0,
            "reserved_memory_bytes": 512 << 20,
            "interrupted_at": None,
            "off_at": None,
            "drain_at": None,
            "is_out_of_reach": False,
            "games": [GAME],
            "games_left": None,
            "advice": None,
        }
    ]


@pytest.mark.parametrize("name", ["name", "id"])
async def test_node_is_drained_and_used_again(caller: Caller, node: Node, name: str) -> None:
    """By its name or its id; each answer is the node as it is then, and may be repeated."""
    path = f"{NODES}/{getattr(node, name)}"
    drained = [await caller.post(f"{path}/drain") for _ in range(2)]
    used = [await caller.post(f"{path}/activate") for _ in range(2)]

    assert [each.json["games_left"] for each in drained] == [1, 1]
    assert None not in [each.json["drain_at"] for each in drained]
    assert "1 game is left to be moved" in drained[0].json["advice"]
    assert [each.json["drain_at"] for each in used] == [None, None]
    assert used[0].json["advice"] is None


async def test_only_a_node_that_is_down_can_be_lost(
    caller: Caller, world: World, node: Node
) -> None:
    """Of one that the managers hear of nobody has to vouch anything."""
    refused = await caller.post(f"{NODES}/worker-1/lost")
    goes_down(world, node)
    before = (await caller.get(NODES)).json["items"][0]
    lost = await caller.post(f"{NODES}/worker-1/lost")

    assert refused.error == (409, "conflict")
    assert "may run and write; drain it" in refused.message
    assert (before["is_out_of_reach"], before["off_at"], before["games"]) == (True, None, [GAME])
    assert "`rtmanager node lost worker-1`" in before["advice"]
    assert lost.status == 200
    assert (lost.json["is_out_of_reach"], lost.json["off_at"] is None) == (False, False)


async def test_games_that_ended_with_their_node_are_left_to_be_moved(
    caller: Caller, world: World, node: Node
) -> None:
    """Those that are recorded as running; whoever was stopped meanwhile is not."""
    world.docker.crash(world.engine.id, exit_code=143)
    world.engine.ended_with_node = True
    marks = {NodeMark.OFF: world.clock.now()}
    world.nodes.change(node.id, state=NodeState.DOWN, marks=marks)

    before = (await caller.get(NODES)).json["items"][0]
    await world.manager.stop()
    after = (await caller.get(NODES)).json["items"][0]

    assert (before["games"], before["games_left"]) == ([], 1)
    assert (after["games"], after["games_left"]) == ([], 0)


async def test_who_said_what_and_why_is_logged(
    caller: Caller, node: Node, log_lines: list[EventDict]
) -> None:
    """Games move by this word, so that it has to be found afterwards."""
    await caller.post(f"{NODES}/{node.id}/drain", {"reason": "a new kernel"})

    (line,) = [each for each in log_lines if each["event"] == "node_marked"]
    said: dict[str, Any] = {"word": "drain", "reason": "a new kernel", "source": "admin_rest"}
    assert line.items() >= {**said, "node": "worker-1", "log_level": "warning"}.items()


@pytest.mark.parametrize("word", WORDS)
async def test_unknown_node_is_not_found(caller: Caller, node: Node, word: str) -> None:
    """Whatever its name is; the message has it."""
    for name, shown in {"worker-2": "worker-2", "a%2Fb": "a/b", "%00": r"\x00"}.items():
        answer = await caller.post(f"{NODES}/{name}/{word}")

        assert answer.error == (404, "not_found")
        assert answer.message == f"there is no node {shown}; the nodes are: worker-1"
    assert node.name == "worker-1"


async def test_node_that_has_changed_meanwhile_is_a_conflict(
    caller: Caller, world: World, node: Node
) -> None:
    """It may have come back: whoever vouched has to look again if it keeps changing."""
    goes_down(world, node)
    world.manager.on("nodes.mark", NodeChanged(), always=True)

    answer = await caller.post(f"{NODES}/worker-1/lost")

    assert answer.error == (409, "conflict")
    assert "look at it again" in answer.message


BODIES = {
    "unknown key": (b'{"force": true}', "unknown key: 'force'"),
    "empty reason": (b'{"reason": ""}', "reason does not satisfy minLength"),
    "long reason": (b'{"reason": "%s"}' % (b"x" * 501), "reason does not satisfy maxLength"),
    "wrong type": (b'{"reason": 1}', "reason must be of type string"),
    "no JSON": (b"reason=x", "not JSON"),
    "array": (b"[]", "an array"),
}


@pytest.mark.parametrize(("body", "fault"), BODIES.values(), ids=BODIES)
async def test_bad_body_is_refused_and_nothing_is_marked(
    caller: Caller, world: World, node: Node, body: bytes, fault: str
) -> None:
    """A body may be left out, but one that is sent has to be as specified."""
    for word in WORDS:
        answer = await caller.send("POST", f"{NODES}/{node.name}/{word}", body=body, headers=[JSON])

        assert answer.error == (400, "invalid_request")
        assert fault in answer.message
    assert "nodes.list_nodes" not in world.manager.calls


@pytest.mark.parametrize("body", [None, {}])
async def test_body_may_be_left_out(caller: Caller, node: Node, body: object) -> None:
    """Without one nothing has to be said of its type."""
    assert (await caller.post(f"{NODES}/{node.name}/drain", body)).status == 200


async def test_page_of_another_site_marks_nothing(caller: Caller, world: World, node: Node) -> None:
    """A visitor's browser is not made to vouch for anything."""
    answer = await caller.send("POST", f"{NODES}/{node.name}/drain", headers=FOREIGN_PAGE)

    assert answer.error == (403, "invalid_request")
    assert world.nodes.nodes[node.id].marks == {}


async def test_explanation_names_the_node(caller: Caller, world: World, node: Node) -> None:
    """And whether anybody knows that the engine runs."""
    path = f"/api/v1/operator/runtimes/{GAME}/explain"
    before = (await caller.get(path)).json["container"]
    goes_down(world, node)
    after = (await caller.get(path)).json["container"]

    assert (before["node"], before["is_out_of_reach"]) == ("worker-1", False)
    assert (after["node"], after["is_out_of_reach"]) == ("worker-1", True)
