"""What the simulated operator decided, and the images that the simulated games run."""

from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.domain.container import ResourceLimits
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy, PullPolicy

LEASE_TTL = 60.0
GRACE = 60.0
PROBE_THRESHOLD = 2
JOB_LEASE_WAIT = 2.0
JOBS_KEPT = 3

# Gates and waits are short: they decide how many looks a history takes, not what can happen.
POLICY = EnginePolicy(
    docker_network=NETWORK,
    mount_path="/var/lib/galaxy-game",
    state_env_name="GAME_STATE_PATH",
    default_limits=ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512),
    read_only_root=False,
    state_owner=None,
    pull_policy=PullPolicy.IF_MISSING,
    stop_timeout=30,
    start_gate_timeout=0.3,
    patch_gate_timeout=0.6,
    lease_wait=0.5,
)

GOOD = "galaxy/game:1.4.7"
NEWER = "galaxy/game:1.4.8"
OTHER_MINOR = "galaxy/game:1.5.0"
DIES_AT_ONCE = "galaxy/game:1.4.9"
NEVER_ANSWERS = "galaxy/game:1.4.6"
ANSWERS_LATE = "galaxy/game:1.4.5"
DIES_SOON = "galaxy/game:1.4.4"
REFUSED = "galaxy/game:1.4.3"
ABSENT = "galaxy/game:1.4.2"

SOUND = (GOOD, NEWER, OTHER_MINOR)
FAULTY = (DIES_AT_ONCE, NEVER_ANSWERS, ANSWERS_LATE, DIES_SOON, REFUSED, ABSENT)

_BEHAVIOURS = {
    GOOD: ImageBehaviour(),
    NEWER: ImageBehaviour(),
    OTHER_MINOR: ImageBehaviour(),
    DIES_AT_ONCE: ImageBehaviour(exits_after=0.02, exit_code=3, healthy_after=None),
    NEVER_ANSWERS: ImageBehaviour(healthy_after=None),
    ANSWERS_LATE: ImageBehaviour(healthy_after=0.2),
    DIES_SOON: ImageBehaviour(exits_after=20.0, exit_code=4),
    REFUSED: ImageBehaviour(refuses_to_start="exec: no such file"),
}


def add_images(docker: InMemoryDocker) -> None:
    """Put every image but the absent one on the host."""
    for reference, behaviour in _BEHAVIOURS.items():
        docker.add_image(reference, behaviour=behaviour)
