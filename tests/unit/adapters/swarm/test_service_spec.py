"""What Swarm is sent to create a container."""

from dataclasses import replace
from typing import Any

from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_spec import service_spec
from rtmanager.domain.container import ContainerSpec, ImageId, ResourceLimits

SPEC = ContainerSpec(
    name="galaxy-game-abc",
    hostname="galaxy-game-abc",
    image=ImageId("registry.test/game@sha256:1"),
    labels={"com.galaxy.game_id": "abc", labels.REMOVING: "from an image"},
    environment={"STORAGE_PATH": "/state"},
    network="galaxy-net",
    state_path="/srv/games/abc",
    mount_path="/state",
    limits=ResourceLimits(cpu_quota=2.0, memory_bytes=1 << 30, pids_limit=64),
    read_only_root=True,
    scratch=("/tmp",),  # noqa: S108 - a path in the container
    scratch_bytes=1 << 20,
)
POLICY = SwarmPolicy(
    network="galaxy-net",
    constraints=("node.labels.games==yes",),
    spread_over=("node.labels.rack",),
    reserved_cpu=0.25,
    reserved_memory=0.5,
    stop_grace=7,
)


def sent(spec: ContainerSpec = SPEC, without: tuple[str, ...] = ()) -> Any:
    """Return what is sent for a container."""
    return service_spec(spec, POLICY, name="galaxy-1", without_nodes=without)


def test_limits_are_those_of_the_engine_and_shares_of_them_are_reserved() -> None:
    """Swarm's scheduler places by reservations."""
    resources = sent()["TaskTemplate"]["Resources"]

    assert resources["Limits"] == {"NanoCPUs": 2 * 10**9, "MemoryBytes": 1 << 30, "Pids": 64}
    assert resources["Reservations"] == {"NanoCPUs": 5 * 10**8, "MemoryBytes": 1 << 29}


def test_engines_are_placed_by_the_settings_and_not_on_avoided_nodes() -> None:
    """Constraints of the settings and nodes that are drained or off."""
    placement = sent(without=("n1",))["TaskTemplate"]["Placement"]

    assert placement["Constraints"] == ["node.labels.games==yes", "node.id!=n1"]
    assert placement["Preferences"] == [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}]


def test_swarm_starts_restarts_and_kills_nothing_by_itself() -> None:
    """There is no task at first, no restart, and no health check that Swarm acts on."""
    spec = sent()

    assert spec["Mode"] == {"Replicated": {"Replicas": 0}}
    assert spec["TaskTemplate"]["RestartPolicy"]["Condition"] == "none"
    assert spec["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == {"Test": ["NONE"]}
    assert spec["UpdateConfig"]["FailureAction"] == "continue"


def test_engine_keeps_its_name_in_dns() -> None:
    """The endpoint of the contract stays; no virtual address is in between."""
    spec = sent()

    assert spec["EndpointSpec"] == {"Mode": "dnsrr"}
    networks = [{"Target": "galaxy-net", "Aliases": ["galaxy-game-abc"]}]
    assert spec["TaskTemplate"]["Networks"] == networks
    assert spec["TaskTemplate"]["ContainerSpec"]["Hostname"] == "galaxy-game-abc"


def test_engines_are_hardened() -> None:
    """As far as services can be."""
    container = sent()["TaskTemplate"]["ContainerSpec"]

    assert (container["Init"], container["ReadOnly"]) == (True, True)
    assert (container["CapabilityDrop"], container["Privileges"]) == (
        ["ALL"],
        {"NoNewPrivileges": True},
    )
    assert container["Ulimits"] == [{"Name": "core", "Soft": 0, "Hard": 0}]
    assert container["StopGracePeriod"] == 7 * 10**9


def test_state_scratch_and_marker_are_mounted() -> None:
    """A node that lacks the marker refuses the task."""
    mounts = sent(replace(SPEC, state_marker="/srv/games/.m"))["TaskTemplate"]["ContainerSpec"]

    state, marker, scratch = mounts["Mounts"]
    assert (state["Source"], state["Target"]) == ("/srv/games/abc", "/state")
    assert (marker["Source"], marker["ReadOnly"]) == ("/srv/games/.m", True)
    assert (scratch["Type"], scratch["TmpfsOptions"]["SizeBytes"]) == ("tmpfs", 1 << 20)
    assert len(sent()["TaskTemplate"]["ContainerSpec"]["Mounts"]) == 2


def test_nobody_else_can_write_the_adapter_s_labels() -> None:
    """Whatever labels a container is to have, what the adapter remembers is its own."""
    found = sent()["Labels"]

    assert found == {
        "com.galaxy.game_id": "abc",
        labels.NAME: "galaxy-game-abc",
        labels.NETWORK: "galaxy-net",
    }
