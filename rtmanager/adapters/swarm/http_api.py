"""The requests to a Swarm's managers over HTTP."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from docker.errors import APIError, NotFound
from docker.utils import convert_filters

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.client import Bulkhead, Work
from rtmanager.adapters.swarm.api import Json, NameInUse, OutOfSequence, ServiceGone, SpecRefused
from rtmanager.adapters.swarm.json_elements import json_elements
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.slim_lists import Slim, slim_service, slim_task
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_host import HostRefused

T = TypeVar("T")

_CHUNK = 64 * 1024
_NO_SERVICE = re.compile(r"\bservice \S+ not found")
"""A proxy between us and a manager may answer 404 too, which says nothing about the service."""
_BAD_SPEC = re.compile(r"constraint expected|\bnetwork \S+ not found")


class HttpSwarmApi:
    """The requests, through Docker's SDK in threads."""

    def __init__(self, managers: Managers) -> None:
        self._managers = managers

    async def ping(self) -> None:
        """Raise DockerUnavailable unless a manager answers that knows a leader."""
        # Any read of the Swarm needs a leader, and this one is short.
        await self._call(lambda api: _get(api, "/swarm"))

    async def info(self) -> Json:
        """Return `/info` of the manager that answers."""
        return await self._call(lambda api: _get(api, "/info"))

    async def networks(self, *, name: str | None = None) -> Sequence[Json]:
        """Return the networks, or those whose name contains this."""
        wanted = {} if name is None else {"name": [name]}
        return await self._call(lambda api: _list(api, "/networks", wanted))

    async def network(self, network_id: str) -> Json:
        """Return one network with the containers on it that run on the manager's own node."""
        return await self._call(lambda api: _get(api, f"/networks/{network_id}"))

    async def services(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the services that match, without what no reader of a list needs."""
        return await self._call(lambda api: _list(api, "/services", filters, slim_service))

    async def service(self, service_id: str) -> Json:
        """Return the service with this id or name."""
        return await self._call(lambda api: _get(api, f"/services/{service_id}"))

    async def create_service(self, spec: Json, *, credentials: str | None = None) -> str:
        """Create a service; return its id."""
        answer = await self._change(
            lambda api: _post(api, "/services/create", spec, _login(credentials))
        )
        return str(answer["ID"])

    async def update_service(
        self, service_id: str, version: int, spec: Json, *, credentials: str | None = None
    ) -> None:
        """Replace the service's specification if its version is still this one."""
        path, headers = f"/services/{service_id}/update", _login(credentials)
        await self._change(lambda api: _post(api, path, spec, headers, version=version))

    async def remove_service(self, service_id: str) -> None:
        """Remove the service and end its tasks."""
        await self._change(lambda api: _delete(api, f"/services/{service_id}"))

    async def tasks(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the tasks that match, without what nobody reads."""
        return await self._call(lambda api: _list(api, "/tasks", filters, slim_task))

    async def nodes(self) -> Sequence[Json]:
        """Return all nodes."""
        return await self._call(lambda api: _list(api, "/nodes", {}))

    async def node(self, node_id: str) -> Json:
        """Return one node."""
        return await self._call(lambda api: _get(api, f"/nodes/{node_id}"))

    async def update_node(self, node_id: str, version: int, spec: Json) -> None:
        """Replace the node's specification if its version is still this one."""
        path = f"/nodes/{node_id}/update"
        await self._change(lambda api: _post(api, path, spec, {}, version=version))

    async def _call(self, work: Work[T]) -> T:
        return await self._managers.call(work, refused=refused)

    async def _change(self, work: Work[T]) -> T:
        return await self._managers.call(work, bulkhead=Bulkhead.CHANGE, refused=refused)


def refused(error: APIError) -> RuntimeManagerError:
    """Return the error for a request that a manager refused; often only its message says which."""
    other = errors.refused(error)
    message = other.message
    if "out of sequence" in message:
        return OutOfSequence(message)
    if isinstance(error, NotFound) and _NO_SERVICE.search(message):
        return ServiceGone(message)
    if error.status_code == HTTPStatus.CONFLICT or "name conflicts with" in message:
        return NameInUse(message)
    if error.status_code == HTTPStatus.BAD_REQUEST or _BAD_SPEC.search(message):
        return SpecRefused(message)
    return other if isinstance(other, HostRefused) else HostRefused(message)


def _url(api: Any, path: str) -> str:
    return f"{api.base_url}/v{api.api_version}{path}"


def _get(api: Any, path: str, **query: Any) -> Json:
    response = api.get(_url(api, path), params=query, timeout=api.timeout)
    return dict(_checked(api, response).json())


def _list(
    api: Any, path: str, filters: Mapping[str, Sequence[str]], slim: Slim | None = None
) -> list[Json]:
    """Return a list; what `slim` leaves out of an element is gone before the next is read."""
    lists = {name.replace("_", "-"): list(each) for name, each in filters.items()}
    query = {"filters": convert_filters(lists)} if lists else {}
    with api.get(_url(api, path), params=query, timeout=api.timeout, stream=True) as response:
        found = json_elements(_checked(api, response).iter_content(_CHUNK))
        return list(found if slim is None else map(slim, found))


def _post(
    api: Any, path: str, body: Json, headers: Mapping[str, str], **query: Any
) -> Mapping[str, Any]:
    response = api.post(
        _url(api, path),
        data=json.dumps(body),
        headers={"Content-Type": "application/json", **headers},
        params=query,
        timeout=api.timeout,
    )
    _checked(api, response)
    return dict(response.json()) if response.content else {}


def _delete(api: Any, path: str) -> None:
    _checked(api, api.delete(_url(api, path), timeout=api.timeout))


def _checked(api: Any, response: Any) -> Any:
    api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
    return response


def _login(credentials: str | None) -> Mapping[str, str]:
    return {"X-Registry-Auth": credentials} if credentials else {}
