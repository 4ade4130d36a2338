"""The requests that the in-memory Docker serves, with Docker's checks."""

from rtmanager.adapters.in_memory.docker_effects import Effect, Fate, Moment, Reply
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer, MemoryImage
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import ContainerId, ContainerSpec
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerRuns,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    ImagePullFailed,
    PullFault,
    StartConfigInvalid,
)

_LEAST_MEMORY = 6 << 20
_REFUSALS: dict[str, type[RuntimeManagerError]] = {
    "start": ContainerStartFailed,
    "pull": ImagePullFailed,
}


def check_reply(docker: InMemoryDocker, call: str, fate: Fate) -> None:
    """Raise if the caller does not get the answer: it was lost, or is a refusal."""
    if fate.reply is Reply.NOTHING or not docker.reachable:
        raise DockerUnavailable(f"the answer to a {call} was lost")
    if fate.reply is Reply.REFUSAL:
        raise _REFUSALS.get(call, HostRefused)(f"Docker refused the {call}: server error")
    if not fate.happens:
        raise DockerUnavailable(f"a {call} was lost")


def create(docker: InMemoryDocker, spec: ContainerSpec) -> ContainerId:
    """Create a container if Docker would accept its configuration."""
    docker.check_name_free(spec.name)
    image = docker.find_image(spec.image)
    if image is None:
        raise StartConfigInvalid(f"No such image: {spec.image}")
    if spec.limits.memory_bytes < _LEAST_MEMORY:
        raise StartConfigInvalid("Minimum memory limit allowed is 6MB")
    if spec.limits.cpu_quota > docker.cpus:
        raise StartConfigInvalid(f"only {docker.cpus:g} CPUs are available")
    if not docker.path_exists(spec.state_path):
        raise StartConfigInvalid(f"bind source path does not exist: {spec.state_path}")
    return docker.add_container(spec, image).id


def start(docker: InMemoryDocker, container: str, at: Moment) -> None:
    """Start the container, if its image allows it and the network exists."""
    found = _existing(docker, container)
    if found.is_running and found.removal is None:
        return
    words = found.image.behaviour.refuses_to_start
    if found.removal is not None:
        words = "container is marked for removal and cannot be started"
    elif found.spec.network not in docker.networks:
        words = f"network {found.spec.network} not found"
    if words:
        found.refuse(words)
        raise ContainerStartFailed(words)
    docker.run_at(found, at)


def stop(
    docker: InMemoryDocker, container: str, grace: int, at: Moment
) -> tuple[MemoryContainer, int]:
    """Signal the container, and return it with the life that will end."""
    found = _existing(docker, container)
    life = found.life
    found.stop(at, grace)
    docker.wake_listeners()
    return found, life


def rename(docker: InMemoryDocker, container: str, name: str) -> None:
    """Give the container another free name."""
    renamed = _existing(docker, container)
    docker.check_name_free(name)
    renamed.name = name


def remove(docker: InMemoryDocker, container: str, at: Moment) -> Effect[None] | None:
    """Begin to remove the container unless it runs; None when it does not exist."""
    try:
        found = _existing(docker, container)
    except ContainerGone:
        return None
    if found.is_running and found.removal is None:
        raise ContainerRuns(
            f"You cannot remove a running container {found.id}. Stop the container before "
            "attempting removal or force remove"
        )
    return docker.begin_removal(found, at, seconds=docker.durations.get("remove", 0.0))


def pull(docker: InMemoryDocker, reference: ImageRef) -> MemoryImage:
    """Copy the image from the registry to the host."""
    docker.pulls.append(reference.normalized)
    if docker.registry_fault:
        raise ImagePullFailed(PullFault.UNREACHABLE, detail=docker.registry_fault)
    image = docker.registry.get(reference.normalized)
    if image is None:
        answer = f"manifest for {reference.text} not found: manifest unknown"
        raise ImagePullFailed(PullFault.UNKNOWN_IMAGE, detail=answer)
    docker.images[reference.normalized] = image
    return image


def _existing(docker: InMemoryDocker, id_or_name: str) -> MemoryContainer:
    container = docker.containers.get(ContainerId(id_or_name)) or docker.holder_of(id_or_name)
    if container is None:
        raise ContainerGone(f"No such container: {id_or_name}")
    return container
