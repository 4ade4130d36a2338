"""Long lists of services and tasks, read without keeping what nobody asks for."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from rtmanager.domain.container import GAME_ID_LABEL

Read = dict[str, Any]
Slim = Callable[[Read], Read]
"""Is given an element of a list, and returns what is kept of it."""


def slim_service(value: Read) -> Read:
    """Return a service without what a list does not show; updates send what `inspect` has read."""
    spec = value["Spec"]
    template = spec.get("TaskTemplate") or {}
    container = template.get("ContainerSpec") or {}
    return {
        "ID": value["ID"],
        "Version": value["Version"],
        "CreatedAt": value["CreatedAt"],
        "UpdatedAt": value["UpdatedAt"],
        "Spec": {
            "Name": spec["Name"],
            "Labels": _texts_kept_once(spec.get("Labels") or {}),
            "Mode": spec.get("Mode"),
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": _kept_once(container.get("Image", "")),
                    "StopGracePeriod": container.get("StopGracePeriod"),
                },
                "ForceUpdate": template.get("ForceUpdate", 0),
                "Networks": template.get("Networks"),
            },
        },
    }


def slim_task(value: Read) -> Read:
    """Return a task without what nobody reads: above all the specification of its container."""
    kept = {name: value.get(name) for name in _OF_TASKS}
    spec = value["Spec"]
    kept["NetworksAttachments"] = [
        _slim_attachment(each) for each in value.get("NetworksAttachments") or ()
    ]
    kept["Status"] = _slim_status(value["Status"])
    kept["Spec"] = {
        "NetworkAttachmentSpec": spec.get("NetworkAttachmentSpec"),
        "ContainerSpec": {"Labels": _slim_labels(spec.get("ContainerSpec") or {})},
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
    "DesiredState",
)


def _slim_attachment(value: Read) -> Read:
    name = _kept_once(value["Network"]["Spec"]["Name"])
    return {"Network": {"Spec": {"Name": name}}, "Addresses": value.get("Addresses")}


def _slim_labels(container: Read) -> Read:
    """Return the game's label only."""
    labels = container.get("Labels") or {}
    return {GAME_ID_LABEL: labels[GAME_ID_LABEL]} if GAME_ID_LABEL in labels else {}


def _slim_status(value: Read) -> Read:
    """Return a status under names that all tasks share."""
    return {
        "State": _kept_once(value["State"]),
        "Timestamp": value["Timestamp"],
        "Err": value.get("Err", ""),
        "ContainerStatus": value.get("ContainerStatus"),
    }


def _texts_kept_once(value: Read) -> Read:
    return {
        _kept_once(name): _kept_once(one) if isinstance(one, str) else one
        for name, one in value.items()
    }


@lru_cache(maxsize=512)
def _kept_once(text: str) -> str:
    """Return the text, as the same object if it was asked for lately: most labels are alike."""
    return text
