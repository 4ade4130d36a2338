"""The services of a Swarm, shown as the containers that they stand for."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker.errors import NotFound

Row = dict[str, Any]
NAME = "com.galaxy.name"
"""The label with the container's name, which a service's own name is not."""
_ENDED = {"complete", "failed", "shutdown", "rejected", "orphaned", "remove"}


@dataclass(frozen=True)
class SwarmContainers:
    """As much of a Docker client as tests use of it to look at engines, and to remove them.

    `nodes` are clients of all nodes, which know the real containers.
    """

    manager: Any
    nodes: Sequence[Any]

    def containers(self, *, filters: Mapping[str, str], **_options: bool) -> list[Row]:
        """Return the services with a label or on a network, as `docker ps -a` lists containers."""
        labels = {key: text for key, text in filters.items() if key == "label"}
        found = [_Service(each, self._tasks(each)) for each in self.manager.services(labels)]
        network = self._network_ids(filters.get("network"))
        return [each.row() for each in found if network is None or each.is_on(network)]

    def inspect_container(self, name: str) -> Row:
        """Return a service with this id or container name, as `docker inspect` shows containers.

        While it runs this is its real container, apart from id and name. Raises NotFound.
        """
        for each in self.manager.services():
            service = _Service(each, ())
            if NAME in service.labels and name in {service.id, service.name}:
                found = _Service(each, self._tasks(each))
                return found.details(self._real(found.container))
        raise NotFound(f"no service for the container {name}")

    def remove_container(self, service: str, *, force: bool, v: bool) -> None:
        """Remove a service; its container ends a few seconds later."""
        del force, v
        with suppress(NotFound):
            self.manager.remove_service(service)

    def _tasks(self, service: Row) -> Sequence[Row]:
        try:
            found = self.manager.tasks({"service": service["ID"]})
        except NotFound:  # removed since it was listed
            return []
        return sorted(found, key=lambda task: str(task["CreatedAt"]))

    def _network_ids(self, name: str | None) -> set[str] | None:
        if name is None:
            return None
        return {name, *(each["Id"] for each in self.manager.networks(names=[name]))}

    def _real(self, container: str) -> Row | None:
        for node in self.nodes if container else ():
            with suppress(NotFound):
                found: Row = node.inspect_container(container)
                # Docker shows the mounts in any order: an engine of a Swarm has several.
                return found | {"Mounts": sorted(found["Mounts"], key=_destination)}
        return None


def _destination(mount: Row) -> str:
    return str(mount["Destination"])


@dataclass(frozen=True)
class _Service:
    shown: Row
    tasks: Sequence[Row]

    @property
    def id(self) -> str:
        return str(self.shown["ID"])

    @property
    def labels(self) -> Mapping[str, str]:
        return self.shown["Spec"].get("Labels") or {}

    @property
    def name(self) -> str:
        return self.labels.get(NAME, "")

    @property
    def container(self) -> str:
        return _container_of(self.tasks[-1]) if self.tasks else ""

    @property
    def state(self) -> str:
        """As Docker names it; a container that was never started is `created`."""
        if self.tasks:
            state = self.tasks[-1]["Status"]["State"]
            return "running" if state == "running" else "exited" if state in _ENDED else "created"
        return "exited" if any("begun_at" in label for label in self.labels) else "created"

    def is_on(self, network: set[str]) -> bool:
        attached = self.shown["Spec"]["TaskTemplate"].get("Networks") or []
        return any(each["Target"] in network for each in attached)

    def row(self) -> Row:
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "State": self.state,
            "Labels": self.labels,
        }

    def details(self, real: Row | None) -> Row:
        spec = self.shown["Spec"]["TaskTemplate"]["ContainerSpec"]
        own = {"Id": self.id, "Name": f"/{self.name}", "Image": spec["Image"]}
        state = {"Status": self.state, "Running": self.state == "running"}
        return {"State": state, **(real or {}), **own}


def _container_of(task: Row) -> str:
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID", ""))
