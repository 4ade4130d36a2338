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

    The names of a container are a list or null, and labels are texts, whoever wrote them.
    """
    is_text = isinstance(value.get("Names", ""), str)
    return value if is_text else docker_json.listed(value, network)


def _container(read: Any, network: str) -> EngineContainer:
    return read if isinstance(read, EngineContainer) else docker_json.listed(read, network)
