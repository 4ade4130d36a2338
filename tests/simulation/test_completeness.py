from inspect import getmembers, iscoroutinefunction

from rtmanager.bootstrap.workers import periodic_workers
from rtmanager.config import Settings
from rtmanager.domain.operation import ActionName, OperationKind
from rtmanager.domain.ports.container_host import ContainerHost
from tests.simulation.events import CHANGES, KINDS
from tests.simulation.holder_invariants import CALLS
from tests.simulation.model import AFTER
from tests.simulation.oracle import MAY_CALL
from tests.simulation.process_parts import INTERVALS, NODE_INTERVALS
from tests.unit.config.test_settings import REQUIRED
from tests.unit.domain.operations.scenarios import CHANGING
from tests.unit.domain.world import World

READS = {
    *("ping", "network_exists", "list_containers", "containers_of", "named", "inspect", "logs"),
    *("networks", "attached", "containers_with", "image", "image_owner", "pull", "disk_use"),
}
"""The calls to Docker that change no container."""
WITHOUT_A_CALL = {ActionName.PREPARE_STATE, ActionName.WATCH_GATE}
"""The actions that do not call Docker to change anything."""


def test_every_kind_of_operation_is_requested_and_has_its_model() -> None:
    """A kind that nobody requests, or whose result nobody expects, would pass unnoticed."""
    requested = {each for each in OperationKind if not each.startswith("reconcile")}

    assert set(KINDS) == requested
    assert set(AFTER) == set(OperationKind)


def test_every_call_that_changes_docker_is_checked() -> None:
    """A new call of the port is a fault point, and the oracle knows who may make it."""
    calls = {name for name, _ in getmembers(ContainerHost, iscoroutinefunction)}

    assert set(CHANGES) == calls - READS == set(MAY_CALL)
    assert set(CALLS.values()) == {*CHANGES, "pull"}
    assert set(CALLS) == set(ActionName) - WITHOUT_A_CALL


def test_every_call_that_changes_docker_is_broken_in_unit_tests() -> None:
    """The unit tests lose and break the calls of the port that change Docker, all of them."""
    broken = {each for each in CHANGING if each.startswith("host.")}

    assert broken == {f"host.{each}" for each in (*CHANGES, "pull")}


def test_every_periodic_worker_is_simulated() -> None:
    """The simulation has intervals of its own for the workers of the table."""
    world = World()
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_PLATFORM": "swarm"})
    table = periodic_workers(world.manager.cycles, settings, world.clock)

    assert [*INTERVALS, *NODE_INTERVALS] == [each.status.name for each in table]
