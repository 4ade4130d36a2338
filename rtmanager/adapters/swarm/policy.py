"""How engines are placed and for how long Swarm is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmPolicy:
    """Placement by the settings, and limits in seconds.

    `timeout` is how long a task may stay in one state, `pull_timeout` how long its node may take
    for the image; `stop_grace` goes with every service, since Swarm takes none with a stop.
    """

    network: str
    start_concurrency: int = 8
    constraints: tuple[str, ...] = ()
    spread_over: tuple[str, ...] = ()
    reserved_cpu: float = 0.1
    reserved_memory: float = 1.0
    stop_grace: int = 30
    timeout: float = 10.0
    pull_timeout: float = 1800.0
