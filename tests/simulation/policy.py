"""The policy of the simulated operator, and the images that the simulated games run."""

from dataclasses import replace

from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.domain.allowed_images import AllowedImages
from rtmanager.domain.container import ResourceLimits
from rtmanager.domain.operations.container_spec import EnginePolicy, PullPolicy

INSTALLATION = "here"
LEASE_TTL = 60.0
GRACE = 60.0
PROBE_THRESHOLD = 2
RETENTION = 300.0
JOB_LEASE_WAIT = 2.0
JOBS_KEPT = 3

# Gates and waits are short: they decide how many observations a history takes, not what can happen.
POLICY = EnginePolicy(
    docker_network=NETWORK,
    mount_path="/var/lib/galaxy-game",
    state_env_name="GAME_STATE_PATH",
    default_limits=ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512),
    max_limits=ResourceLimits(cpu_quota=4.0, memory_bytes=8 << 30, pids_limit=4096),
    read_only_root=False,
    scratch_bytes=64 << 20,
    disk_limit=10 << 30,
    runtime=None,
    state_owner=None,
    pull_policy=PullPolicy.IF_MISSING,
    allowed_images=AllowedImages.parse(["galaxy/*"]),
    stop_timeout=30,
    start_gate_timeout=0.3,
    patch_gate_timeout=0.6,
    lease_wait=0.5,
)

GOOD = "galaxy/game:1.4.7"
NEWER = "galaxy/game:1.4.8"
OTHER_MINOR = "galaxy/game:1.5.0"
STOPS_SLOWLY = "galaxy/game:1.4.10"
IGNORES_SIGTERM = "galaxy/game:1.4.11"
TO_PULL = "galaxy/game:1.4.12"
ANSWERS_LATE = "galaxy/game:1.4.5"
DIES_AT_ONCE = "galaxy/game:1.4.9"
NEVER_ANSWERS = "galaxy/game:1.4.6"
DIES_SOON = "galaxy/game:1.4.4"
REFUSED = "galaxy/game:1.4.3"
ABSENT = "galaxy/game:1.4.2"
NOT_ALLOWED = "elsewhere.test/game:1.4.13"
"""A sound image on the host that the operator does not allow."""

SOUND = (GOOD, NEWER, STOPS_SLOWLY, IGNORES_SIGTERM, TO_PULL, OTHER_MINOR, ANSWERS_LATE)
"""Images whose engines start, answer in time and stay up: they never make an operation fail."""
FAULTY = (DIES_AT_ONCE, NEVER_ANSWERS, DIES_SOON, REFUSED, ABSENT)
FAILING = (*FAULTY, NOT_ALLOWED)

_BEHAVIOURS = {
    GOOD: ImageBehaviour(),
    NEWER: ImageBehaviour(),
    NOT_ALLOWED: ImageBehaviour(),
    OTHER_MINOR: ImageBehaviour(),
    STOPS_SLOWLY: ImageBehaviour(stops_in=4.0),
    IGNORES_SIGTERM: ImageBehaviour(ignores_sigterm=True),
    DIES_AT_ONCE: ImageBehaviour(exits_after=0.02, exit_code=3, healthy_after=None),
    NEVER_ANSWERS: ImageBehaviour(healthy_after=None),
    ANSWERS_LATE: ImageBehaviour(healthy_after=0.2),
    DIES_SOON: ImageBehaviour(exits_after=20.0, exit_code=4),
    REFUSED: ImageBehaviour(refuses_to_start="exec: no such file"),
}

LEISURELY = {"create": 0.02, "start": 0.4, "rename": 0.005, "remove": 0.1, "pull": 3.0}
"""Seconds that calls to Docker take in some histories; in the others they take no time."""


def add_images(docker: InMemoryDocker) -> None:
    """Put every image on the host except the absent one and the one that must be pulled."""
    for reference, behaviour in _BEHAVIOURS.items():
        docker.add_image(reference, behaviour=behaviour)
        docker.add_image(reference, behaviour=behaviour, in_registry=True)
    docker.add_image(TO_PULL, in_registry=True)


def repair_images(docker: InMemoryDocker) -> None:
    """Let the engines of every image start and run for a while."""
    broken = (_BEHAVIOURS[REFUSED], _BEHAVIOURS[DIES_AT_ONCE])
    for images in (docker.images, docker.registry):
        for reference, image in images.items():
            if image.behaviour in broken:
                images[reference] = replace(image, behaviour=ImageBehaviour())
