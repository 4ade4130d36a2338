"""What others do to the Docker host behind the service's back."""

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_effects import Moment
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import NETWORK
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    IMAGE_REF_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerId,
    container_name,
)
from rtmanager.domain.image_ref import ImageRef
from tests.simulation.faults import DOCKER
from tests.simulation.policy import GOOD
from tests.simulation.triggers import hit_game

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.plan_runner import PlanRunner


_ANY_STATE = {"vanish", "leave", "rename", "recreate", "unstamp", "unlabel", "forget_image"}
_TAKES_AWAY = {"vanish", "leave", "recreate", "unlabel"}
SECONDS_TO_LEAVE = 5.0
MOSTLY = 0.7
"""The share of choices among running containers only, where any container would do."""


class Interference:
    """Actions of others; each public method is an event of a plan."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment
        self._numbers = count(1)

    def interfere(self, kind: str, pick: float) -> None:
        """Let others change one of the containers."""
        wanted = kind == "start"
        there = [
            each
            for each in self._environment.docker.containers.values()
            if each.removal is None and self._environment.truth.game_of(each)
        ]
        fitting = [each for each in there if each.is_running is not wanted]
        candidates = there if kind in _ANY_STATE and (pick > MOSTLY or not fitting) else fitting
        if candidates:
            container = candidates[int(pick * len(candidates))]
            self._environment.tally.container(kind, container)
            self._change(container, kind)

    def foreign_container(self, kind: str, game: str) -> None:
        """Let others take the engine's name, or run an engine of another installation."""
        docker, name = self._environment.docker, container_name(game)
        if kind == "name":
            holder = docker.holder_of(name)
            self._environment.tally.note("name taken", hit_game(self._environment, game))
            if holder is not None:
                self._environment.truth.interfered.add(holder.id)
                docker.rename(holder.id, f"renamed-{next(self._numbers)}")
            docker.add_foreign(name, running=True)
        else:
            labels = {
                OWNER_LABEL: OWNER,
                KIND_LABEL: KIND,
                GAME_ID_LABEL: game,
                INSTALLATION_LABEL: "there",
                OPERATION_LABEL: "900000",
                IMAGE_REF_LABEL: GOOD,
            }
            docker.add_foreign(f"there-{next(self._numbers)}", labels=labels, running=True)

    def take_away(self, kind: str, which: str, steps: int) -> None:
        """Make an image, the network, a state directory or the registry unavailable for a while."""
        docker, directories = self._environment.docker, self._environment.directories.directories
        normalized = ImageRef.parse(which).normalized
        path = f"{self._environment.directories.root}/{which}"
        image, directory = docker.images.get(normalized), directories.get(path)

        def give_back() -> None:
            if kind == "image" and image is not None:
                docker.images.setdefault(normalized, image)
            elif kind == "network":
                docker.networks.add(NETWORK)
            elif kind == "directory" and directory is not None:
                directories.setdefault(path, directory)
            elif kind == "registry":
                docker.registry_fault = ""

        match kind:
            case "image":
                docker.images.pop(normalized, None)
            case "network":
                docker.networks.discard(NETWORK)
            case "directory":
                directories.pop(path, None)
            case _:
                docker.registry_fault = "registry: connection refused"
        self._runner.after(steps, f"{kind} {which} is back", give_back)

    def host_restart(self, steps: int, jump: float) -> None:
        """Restart the whole host: no engine runs any more, and Docker is back later."""
        for each in list(self._environment.docker.containers.values()):
            self._environment.tally.container("host restarted", each)
            self._environment.truth.interfered.add(each.id)
            self._environment.docker.kill(each.id)
        self._runner.happen("cut", DOCKER, steps, jump)

    def _change(self, container: MemoryContainer, kind: str) -> None:  # noqa: C901 - a table
        docker = self._environment.docker
        self._environment.truth.interfered.add(container.id)
        if kind in _TAKES_AWAY:
            self._environment.truth.taken.add(container.id)
        match kind:
            case "crash" | "oom" | "kill" | "vanish" | "stop":
                getattr(docker, kind)(container.id)
            case "recreate":
                self._recreate(container)
            case "leave":
                docker.vanish(container.id, after=SECONDS_TO_LEAVE)
            case "rename":
                docker.rename(container.id, f"renamed-{next(self._numbers)}")
            case "unstamp":
                docker.drop_labels(container.id, INSTALLATION_LABEL)
            case "unlabel":
                docker.drop_labels(self._recreate(container), OWNER_LABEL)
            case "forget_image":
                docker.drop_labels(container.id, IMAGE_REF_LABEL)
            case "start":
                self._start(container)
            case "mute" | "speak":
                healthy_after = None if kind == "mute" else 0.0
                behaviour = replace(container.image.behaviour, healthy_after=healthy_after)
                container.image = replace(container.image, behaviour=behaviour)
            case "ail":
                container.health = "unhealthy" if container.health is None else None
            case "restarts":
                container.restart(Moment(docker.clock.now(), docker.clock.monotonic()))

    def _recreate(self, container: MemoryContainer) -> ContainerId:
        copy = self._environment.docker.recreate(container.id)
        self._environment.truth.interfered.add(copy.id)
        return copy.id

    def _start(self, container: MemoryContainer) -> None:
        if not container.image.behaviour.refuses_to_start:
            truth = self._environment.truth
            if not container.life:
                truth.disputed.add(container.id)
            truth.started_by_others[container.id] = self._environment.scheduler.steps
            self._environment.docker.run(container)
