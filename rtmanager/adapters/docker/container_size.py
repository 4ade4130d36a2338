"""What a container has written to its own file system, which Docker finds out by counting."""

from typing import Any


def written_bytes(api: Any, container_id: str) -> int:
    """Return the size of the container's writable layer; the SDK cannot ask for it."""
    url = f"{api.base_url}/v{api.api_version}/containers/{container_id}/json"
    with api.get(url, params={"size": 1}, timeout=api.timeout) as response:
        api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
        return max(0, response.json().get("SizeRw") or 0)
