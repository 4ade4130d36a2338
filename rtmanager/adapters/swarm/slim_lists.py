"""Long lists of services and tasks, read without keeping what nobody asks for."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

Read = dict[str, Any]
Slim = Callable[[Read], Read]
"""Is given each object of the JSON, inner ones first, and returns what is kept of it.

Labels and variables of a container are objects too, and anyone may have named them.
"""


def slim_service(value: Read) -> Read:
    """Return a service without what a list does not show; updates send what `inspect` has read."""
    if not _is(value, "ID", "Spec", "Version"):
        return _texts_kept_once(value)
    spec = value["Spec"]
    template = spec.get("TaskTemplate") or {}
    container = template.get("ContainerSpec") or {}
    return {
        "ID": value["ID"],
        "Version": value["Version"],
        "CreatedAt": value["CreatedAt"],
        "Spec": {
            "Name": spec["Name"],
            "Labels": spec.get("Labels"),
            "Mode": spec.get("Mode"),
            "TaskTemplate": {
                "ContainerSpec": {"Image": _kept_once(container.get("Image", ""))},
                "ForceUpdate": template.get("ForceUpdate", 0),
                "Networks": template.get("Networks"),
            },
        },
    }


def slim_task(value: Read) -> Read:
    """Return a task without what nobody reads: above all the specification of its container."""
    if _is(value, "Network", "Addresses"):
        name = value["Network"]["Spec"]["Name"]
        named = {"Spec": {"Name": _kept_once(name)}}
        return {"Network": named, "Addresses": value["Addresses"]}
    if not _is(value, "ID", "Status", "DesiredState"):
        return value
    kept = {name: value.get(name) for name in _OF_TASKS}
    spec = value["Spec"]
    kept["Spec"] = {
        "ForceUpdate": spec.get("ForceUpdate", 0),
        "Resources": {"Reservations": (spec.get("Resources") or {}).get("Reservations")},
    }
    return kept


_OF_TASKS = (
    "ID",
    "CreatedAt",
    "UpdatedAt",
    "ServiceID",
    "NodeID",
    "Status",
    "DesiredState",
    "NetworksAttachments",
)


def _is(value: Read, *keys: str) -> bool:
    """Return whether this is such an object: only texts are called so among labels."""
    return all(key in value for key in keys) and not isinstance(value[keys[1]], str)


def _texts_kept_once(value: Read) -> Read:
    return {name: _kept_once(one) if isinstance(one, str) else one for name, one in value.items()}


@lru_cache(maxsize=512)
def _kept_once(text: str) -> str:
    """Return the text, as the same object if it was asked for lately: most labels are alike."""
    return text
