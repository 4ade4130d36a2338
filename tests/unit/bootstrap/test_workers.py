from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.bootstrap import composition
from rtmanager.bootstrap.workers import (
    DISK_USE_INTERVAL,
    HANDOVERS_INTERVAL,
    HOUSEKEEPING_INTERVAL,
    LOG_INTERVAL,
    periodic_workers,
)
from rtmanager.config import Settings

SETTINGS = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://nobody@127.0.0.1:1/none",
    "RTMANAGER_REDIS_MASTER_ADDR": "127.0.0.1:1",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/games",
    "RTMANAGER_PROBE_INTERVAL": "1s",
    "RTMANAGER_INSPECT_INTERVAL": "2s",
    "RTMANAGER_RECONCILE_INTERVAL": "3s",
    "RTMANAGER_CLEANUP_INTERVAL": "4s",
}


def test_every_interval_is_the_operator_s() -> None:
    """Each worker gets its own interval setting."""
    settings = Settings.from_environment(SETTINGS)
    cycles = composition.assemble(settings).cycles

    table = periodic_workers(cycles, settings, ManualClock())

    assert {each.name: each.interval for each in table} == {
        "probe": 1.0,
        "inspect": 2.0,
        "disk use": DISK_USE_INTERVAL,
        "reconcile": 3.0,
        "handovers": HANDOVERS_INTERVAL,
        "retention": 4.0,
        "outbox pruning": HOUSEKEEPING_INTERVAL,
        "job trimming": HOUSEKEEPING_INTERVAL,
        "log pruning": LOG_INTERVAL,
        "event pruning": HOUSEKEEPING_INTERVAL,
    }


def test_nodes_are_watched_on_a_swarm_alone() -> None:
    """A single Docker host has no nodes, and no workers that look for them."""
    on_a_swarm = SETTINGS | {"RTMANAGER_PLATFORM": "swarm", "RTMANAGER_NODE_INTERVAL": "6s"}
    settings = Settings.from_environment(on_a_swarm)
    cycles = composition.assemble(settings).cycles

    table = periodic_workers(cycles, settings, ManualClock())

    intervals = {each.name: each.interval for each in table}
    assert {name: intervals.get(name) for name in ("nodes", "fencing", "lost games", "drains")} == {
        "nodes": 6.0,
        "fencing": 6.0,
        "lost games": 6.0,
        "drains": 6.0,
    }
