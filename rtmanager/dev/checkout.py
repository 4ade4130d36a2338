"""What is one checkout's on a Docker host that others use too."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

CHECKOUT_LABEL = "com.galaxy.checkout"
# As the service labels its containers; this package stands alone and cannot ask the domain.
ENGINE_LABEL = "com.galaxy.owner=rtmanager"

Container = Mapping[str, Any]
"""A container as Docker lists it."""


@dataclass(frozen=True)
class Checkout:
    """One checkout: where its data is, and where the states of its games are."""

    directory: Path
    state_root: Path

    @property
    def labels(self) -> dict[str, str]:
        """The labels of a network that was made for this checkout."""
        return {CHECKOUT_LABEL: str(self.directory)}

    @property
    def short_hash(self) -> str:
        """What tells its names from another checkout's, the same in each run."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]

    def owns(self, container: Container) -> bool:
        """Tell whether the container is an engine of this checkout: its state is kept here."""
        root = self.state_root.resolve()
        return any(path.resolve().is_relative_to(root) for path in state_paths(container))


def engines_on(client: docker.APIClient, network: str) -> Sequence[Container]:
    """Return the engines on a network, stopped ones and those of other checkouts included."""
    engines: Sequence[Container] = client.containers(
        all=True, filters={"network": network, "label": ENGINE_LABEL}
    )
    return engines


def state_paths(container: Container) -> Sequence[Path]:
    """Return the directories of the host that a container was given."""
    return [Path(mount["Source"]) for mount in container["Mounts"] if mount["Type"] == "bind"]
