"""Docker's list of containers, read without keeping what nobody asks for."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from docker.utils import convert_filters

from rtmanager.adapters.docker import docker_json
from rtmanager.domain.container import EngineContainer


def listed_containers(
    api: Any, network: str, filters: Mapping[str, Collection[str]]
) -> Sequence[EngineContainer]:
    """List containers in any state in one call, without inspecting each.

    The SDK's method would hold all that Docker shows of all containers at the same time, which is
    several times as much.
    """
    lists = {name: list(each) for name, each in filters.items()}
    response = api.get(
        f"{api.base_url}/v{api.api_version}/containers/json",
        params={"all": 1, "filters": convert_filters(lists)},
        timeout=api.timeout,
    )
    api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
    found = response.json(object_hook=partial(_without_the_rest, network=network))
    return [_container(each, network) for each in found]


def _without_the_rest(value: dict[str, Any], *, network: str) -> object:
    """Return a container if the value is one, else the value, which is a part of one.

    A container's id is a text and its names are a list or null. Whoever names labels and networks,
    labels are all texts, and networks are never one.
    """
    has_names = not isinstance(value.get("Names", ""), str)
    is_container = has_names and isinstance(value.get("Id"), str)
    return docker_json.listed(value, network) if is_container else value


def _container(read: Any, network: str) -> EngineContainer:
    return read if isinstance(read, EngineContainer) else docker_json.listed(read, network)
