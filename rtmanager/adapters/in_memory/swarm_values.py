"""Ids, times and refusals of the in-memory Swarm, in the forms that Docker gives them."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from rtmanager.adapters.swarm.api import SpecRefused

Spec = dict[str, Any]
"""A specification or an object in Docker's JSON."""

_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 63
_LEAST_MEMORY = 4 << 20
_LEAST_NANO_CPUS = 10**7
_CONSTRAINT = re.compile(r"(?P<key>[\w./-]+)\s*(?P<operator>==|!=)\s*(?P<value>\S.*?)\s*", re.ASCII)


def new_id(kind: str, number: int) -> str:
    """Return the id of the object with this number: 25 characters, like Swarm's own."""
    digest = int(sha256(f"{kind} {number}".encode()).hexdigest(), 16)
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[(digest // 36**place) % 36] for place in range(25))


def rendered(moment: datetime) -> str:
    """Write a time as Docker does: UTC, with nanoseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def matches(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Return whether the labels have all of these, each `name` or `name=value`."""
    pairs = (each.partition("=") for each in wanted)
    return all(
        name in labels and (not equals or labels[name] == value) for name, equals, value in pairs
    )


def parse_constraint(text: str) -> tuple[str, bool, str]:
    """Return the key, whether it must be equal, and the value; raise SpecRefused otherwise."""
    found = _CONSTRAINT.fullmatch(text.strip())
    if found is None:
        raise SpecRefused(
            f"rpc error: code = InvalidArgument desc = constraint expected one operator from ==, "
            f"!=: {text}"
        )
    return found["key"], found["operator"] == "==", found["value"]


def check_spec(spec: Spec) -> None:
    """Raise SpecRefused for a specification of a service that Swarm does not accept."""
    name = str(spec.get("Name", ""))
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise SpecRefused("rpc error: code = InvalidArgument desc = name must be valid as a DNS")
    template = spec["TaskTemplate"]
    if not template.get("ContainerSpec", {}).get("Image"):
        raise SpecRefused("ContainerSpec: image reference must be provided")
    resources = template.get("Resources") or {}
    for kind in ("Limits", "Reservations"):
        memory = (resources.get(kind) or {}).get("MemoryBytes") or 0
        cpus = (resources.get(kind) or {}).get("NanoCPUs") or 0
        if 0 < memory < _LEAST_MEMORY:
            raise SpecRefused(f"invalid memory value {memory}: Must be at least 4MiB")
        if 0 < cpus < _LEAST_NANO_CPUS // 10:
            raise SpecRefused(f"invalid cpu value {cpus / 1e9:g}: Must be at least 0.001")
    for each in (template.get("Placement") or {}).get("Constraints") or ():
        parse_constraint(each)
