"""The in-memory Swarm behaves as three real engines did when they were measured."""

from typing import Any

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_effects import Fate, late
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour, MemoryImage
from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.adapters.swarm.api import NameInUse, OutOfSequence, ServiceGone, SpecRefused
from rtmanager.domain.ports.container_host import DockerUnavailable

GOOD, EXITS = "sha256:good", "sha256:exits"
STATE = "/state/g1"
_NO_SOURCE = 'invalid mount config for type "bind": bind source path does not exist'
IMAGES = {
    GOOD: MemoryImage.build("good", {}, "", ImageBehaviour()),
    EXITS: MemoryImage.build("exits", {}, "", ImageBehaviour(exits_after=0.5, exit_code=3)),
}


class Lab:
    """A Swarm of three nodes, and its state at any second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.swarm = InMemorySwarm(
            clock=self.clock, find_image=IMAGES.get, path_exists=lambda path: path == STATE
        )
        self.nodes = [self.swarm.add_node(f"node{each}", cpus=2.0) for each in (1, 2, 3)]
        self.api = InMemorySwarmApi(swarm=self.swarm)

    async def start(self, name: str = "galaxy-7-g1-0", **changes: Any) -> str:
        """Create a service with one replica, and let it come up."""
        service_id = await self.api.create_service(spec(name, **changes))
        self.after(1.0)
        return service_id

    async def start_on_a_node(self, **changes: Any) -> tuple[str, MemoryNode]:
        """Do that, and return the node as well that the first task is on."""
        service_id = await self.start(**changes)
        node = next(iter(self.swarm.tasks_of(service_id))).node
        assert node is not None
        return service_id, node

    async def scale(self, service_id: str, replicas: int, *, force: int = 0) -> None:
        """Set the replicas by the version that is there now."""
        found = await self.api.service(service_id)
        wanted = spec(found["Spec"]["Name"], replicas=replicas)
        wanted["TaskTemplate"]["ForceUpdate"] = force
        await self.api.update_service(service_id, found["Version"]["Index"], wanted)

    async def states(self, service_id: str) -> list[tuple[str, str, int | None]]:
        """Return state, desired state and exit code of the service's tasks."""
        return [
            (
                each["Status"]["State"],
                each["DesiredState"],
                each["Status"].get("ContainerStatus", {}).get("ExitCode"),
            )
            for each in await self.api.tasks(service=[service_id])
        ]

    async def error(self, service_id: str) -> str:
        """Return why the newest task does not run."""
        tasks = await self.api.tasks(service=[service_id])
        return f"{tasks[-1]['Status']['State']}: {tasks[-1]['Status'].get('Err')}"

    def after(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.swarm.catch_up()

    def writers(self) -> int:
        """Return how many engines can write the state of the game."""
        return len(self.swarm.writers().get(STATE, ()))


def spec(  # noqa: PLR0913 - what a test may vary
    name: str = "galaxy-7-g1-0",
    *,
    image: str = GOOD,
    replicas: int = 1,
    constraints: tuple[str, ...] = (),
    cpus: float = 0.1,
    path: str = STATE,
) -> dict[str, Any]:
    """Return a service's specification."""
    return {
        "Name": name,
        "Labels": {"com.galaxy.game_id": "g1"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, "Mounts": [{"Type": "bind", "Source": path}]},
            "Resources": {"Reservations": {"NanoCPUs": int(cpus * 1e9)}},
            "Placement": {"Constraints": list(constraints)},
            "Networks": [{"Target": "galaxy-net"}],
            "ForceUpdate": 0,
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


async def test_a_task_runs_within_a_second() -> None:
    """It is new, pending, assigned, preparing, starting, running."""
    lab = Lab()
    service_id = await lab.api.create_service(spec())
    seen = []
    for _ in range(100):
        lab.after(0.01)
        seen += [state for state, _, _ in await lab.states(service_id)]

    assert list(dict.fromkeys(seen)) == ["new", "assigned", "preparing", "starting", "running"]
    assert lab.writers() == 1


async def test_scaling_to_nothing_ends_the_engine_and_forgets_the_task() -> None:
    """The signal comes 3 s later; then the task is gone, with its exit code."""
    lab = Lab()
    service_id = await lab.start()

    await lab.scale(service_id, 0)
    lab.after(3.0)
    assert (await lab.states(service_id), lab.writers()) == ([("running", "remove", 0)], 1)
    lab.after(0.2)
    assert (await lab.states(service_id), lab.writers()) == ([("shutdown", "remove", 143)], 0)
    lab.after(0.4)
    assert await lab.states(service_id) == []


async def test_scaling_up_does_not_wait_for_the_old_task() -> None:
    """A start during a stop makes two engines: whoever starts must have seen the end."""
    lab = Lab()
    service_id = await lab.start()

    await lab.scale(service_id, 0)
    await lab.scale(service_id, 1)
    lab.after(1.0)

    assert lab.writers() == 1
    await lab.scale(service_id, 0)
    lab.after(0.1)
    await lab.scale(service_id, 1)
    lab.after(1.5)
    assert lab.writers() == 2


async def test_an_engine_that_ends_by_itself_is_not_repeated() -> None:
    """Its task stays with the exit code as long as a replica is wanted; a new run adds a task."""
    lab = Lab()
    service_id = await lab.start(image=EXITS)
    lab.after(5.0)
    assert await lab.states(service_id) == [("failed", "shutdown", 3)]

    await lab.scale(service_id, 1, force=1)
    lab.after(1.0)

    assert [state for state, _, _ in await lab.states(service_id)] == ["failed", "running"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpus": 3.0}, "pending: no suitable node (insufficient resources on 3 nodes)"),
        (
            {"constraints": ("node.hostname==elsewhere",)},
            "pending: no suitable node (scheduling constraints not satisfied on 3 nodes)",
        ),
        ({"image": "sha256:none"}, "rejected: No such image: sha256:none"),
        (
            {"path": "/elsewhere"},
            f"rejected: {_NO_SOURCE}: /elsewhere",
        ),
    ],
)
async def test_a_task_that_cannot_run_says_why(changes: dict[str, Any], words: str) -> None:
    """Swarm's own words, and nothing is tried again."""
    lab = Lab()

    service_id = await lab.start(**changes)
    lab.after(60.0)

    assert await lab.error(service_id) == words
    assert len(await lab.states(service_id)) == 1


async def test_a_stale_version_changes_nothing() -> None:
    """Two writers read the same version; one of them is refused."""
    lab = Lab()
    service_id = await lab.start()
    version = (await lab.api.service(service_id))["Version"]["Index"]
    await lab.scale(service_id, 0)

    with pytest.raises(OutOfSequence, match="update out of sequence"):
        await lab.api.update_service(service_id, version, spec(replicas=1))


async def test_what_swarm_refuses() -> None:
    """A name in use, a bad constraint, a service that is gone."""
    lab = Lab()
    await lab.start()

    with pytest.raises(NameInUse):
        await lab.api.create_service(spec())
    with pytest.raises(SpecRefused, match="constraint expected one operator"):
        await lab.api.create_service(spec("other", constraints=("node.id",)))
    with pytest.raises(ServiceGone):
        await lab.api.tasks(service=["gone"])


async def test_a_late_change_is_judged_when_it_arrives() -> None:
    """Its caller got no answer; by then the version is another, and nothing happens."""
    lab = Lab()
    service_id = await lab.start()
    fates = [late(30.0), Fate()]
    lab.swarm.fate_of = lambda *_: fates.pop(0)

    with pytest.raises(DockerUnavailable):
        await lab.scale(service_id, 0)
    await lab.scale(service_id, 1, force=1)
    lab.after(60.0)

    assert lab.writers() == 1


async def test_a_partitioned_node_writes_on_and_ends_its_engines_when_it_is_back() -> None:
    """Managers miss it after 12 s; what it runs is wanted no more, but not known to have ended."""
    lab = Lab()
    service_id, node = await lab.start_on_a_node()

    lab.swarm.partition(node)
    lab.after(13.0)
    assert (await lab.api.node(node.id))["Status"]["State"] == "down"
    assert (await lab.states(service_id), lab.writers()) == ([("running", "shutdown", 0)], 1)
    lab.swarm.bring_back(node)
    lab.after(10.0)

    assert (await lab.states(service_id), lab.writers()) == ([("shutdown", "shutdown", 143)], 0)
    assert (await lab.api.node(node.id))["Status"]["State"] == "ready"


async def test_a_short_partition_changes_nothing() -> None:
    """A node that is back within the time of a heartbeat keeps its engines."""
    lab = Lab()
    service_id = await lab.start()

    for node in lab.nodes:
        lab.swarm.partition(node)
    lab.after(8.0)
    for node in lab.nodes:
        lab.swarm.bring_back(node)
    lab.after(60.0)

    assert (await lab.states(service_id), lab.writers()) == ([("running", "running", 0)], 1)


async def test_a_node_without_power_shows_its_engines_until_it_is_back() -> None:
    """They are dead at once, and nobody can know it."""
    lab = Lab()
    service_id, node = await lab.start_on_a_node()

    lab.swarm.power_off(node)
    lab.after(60.0)
    assert (await lab.states(service_id), lab.writers()) == ([("running", "shutdown", 0)], 0)
    lab.swarm.bring_back(node)
    lab.after(10.0)

    assert [state for state, _, _ in await lab.states(service_id)] == ["failed"]


async def test_a_killed_daemon_leaves_its_engines_running_until_it_is_back() -> None:
    """The next dockerd ends what it finds."""
    lab = Lab()
    service_id, node = await lab.start_on_a_node()

    lab.swarm.kill_daemon(node)
    lab.after(60.0)
    assert lab.writers() == 1
    lab.swarm.bring_back(node)
    lab.after(10.0)

    assert (await lab.states(service_id), lab.writers()) == ([("failed", "shutdown", 143)], 0)


async def test_a_new_run_while_the_node_is_down_makes_two_engines() -> None:
    """Swarm itself starts elsewhere if told to: only the Runtime Manager can know better."""
    lab = Lab()
    service_id, node = await lab.start_on_a_node()
    lab.swarm.partition(node)
    lab.after(13.0)

    await lab.scale(service_id, 1, force=1)
    lab.after(2.0)

    assert lab.writers() == 2


async def test_without_a_leader_nothing_is_answered_and_nothing_decided() -> None:
    """Engines run on; what they report is known once there is a leader again."""
    lab = Lab()
    service_id = await lab.start(image=EXITS)
    lab.swarm.lose_leader(20.0)

    with pytest.raises(DockerUnavailable, match="does not have a leader"):
        await lab.api.ping()
    lab.after(30.0)

    assert await lab.states(service_id) == [("failed", "shutdown", 3)]
    assert {each.state for each in lab.nodes} == {"ready"}


async def test_a_former_leader_shows_what_it_knew_and_changes_nothing() -> None:
    """Until it steps down, or its client has to ask another manager for a change."""
    lab = Lab()
    service_id = await lab.start()
    lab.swarm.mislead("old", 20.0)
    old = InMemorySwarmApi(swarm=lab.swarm, client="old")
    known = (await old.service(service_id))["Version"]["Index"]
    await lab.scale(service_id, 0)
    lab.swarm.lose_leader(1.0)

    assert (await old.service(service_id))["Version"]["Index"] == known
    lab.after(2.0)
    with pytest.raises(OutOfSequence):
        await old.update_service(service_id, known, spec("galaxy-7-g1-0"))
    assert (await old.service(service_id))["Spec"]["Mode"]["Replicated"]["Replicas"] == 0


async def test_a_former_leader_steps_down() -> None:
    """Then its clients see what the others do."""
    lab = Lab()
    lab.swarm.mislead("old", 20.0, is_left=False)
    old = InMemorySwarmApi(swarm=lab.swarm, client="old")
    service_id = await lab.start()

    with pytest.raises(ServiceGone):
        await old.service(service_id)
    lab.after(20.0)
    assert (await old.service(service_id))["ID"] == service_id


async def test_a_removed_service_leaves_its_engine_on_a_lost_node() -> None:
    """Nobody can see it any more, and it writes."""
    lab = Lab()
    service_id, node = await lab.start_on_a_node()
    lab.swarm.partition(node)
    lab.after(13.0)

    await lab.api.remove_service(service_id)
    lab.after(60.0)

    assert lab.writers() == 1
