"""The services, tasks and nodes of the fake Swarm, shown as real managers showed one of each."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_changes import in_run, scaled
from rtmanager.adapters.swarm.service_names import service_name
from rtmanager.adapters.swarm.service_spec import service_spec
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    IMAGE_REF_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    STARTED_AT_LABEL,
    ContainerSpec,
    ImageId,
    ResourceLimits,
    container_name,
)

ANSWERS: Mapping[str, Any] = json.loads((Path(__file__).parent / "swarm_answers.json").read_text())
"""Recorded from Docker 20.10: a service, its task, a node, the network, information, version."""

NETWORK = "galaxy-net"
MANAGERS = 3
_ROOT, _MOUNT = "/var/lib/galaxy/games", "/var/lib/galaxy-game"
_POLICY = SwarmPolicy(network=NETWORK, spread_over=("node.labels.rack",))


@dataclass(frozen=True, slots=True)
class Game:
    """A game whose engine runs: the JSON of its service and of its task, as it is sent."""

    service_id: str
    name: str
    game_id: str
    service: bytes
    task: bytes


def games(ids: Sequence[str], addresses: Iterable[str], nodes: int) -> Iterator[Game]:
    """Yield the games, spread over the nodes, at these addresses."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for number, (game_id, address) in enumerate(zip(ids, addresses, strict=False)):
        spec = _spec(game_id)
        sent = dict(service_spec(spec, _POLICY, name=service_name(spec)))
        # By its id, as Docker shows it.
        sent["TaskTemplate"]["Networks"][0]["Target"] = ANSWERS["network"]["Id"]
        running = in_run(scaled(sent, 1), 1)
        service_id = hashlib.sha256(game_id.encode()).hexdigest()
        service = ANSWERS["service"] | {"ID": service_id, "CreatedAt": now, "UpdatedAt": now}
        service |= {"Spec": running, "PreviousSpec": sent}
        task = _task(service_id, running["TaskTemplate"], address, node_id(number % nodes), now)
        yield Game(service_id, sent["Name"], game_id, _sent(service), _sent(task))


def nodes(count: int) -> bytes:
    """Return the list of nodes: the first ones are managers."""
    found = []
    for number in range(count):
        shown = ANSWERS["node"] | {"ID": node_id(number)}
        shown["Description"] = shown["Description"] | {"Hostname": f"node-{number:03}"}
        shown["Description"]["Resources"] = {"NanoCPUs": 32 * 10**9, "MemoryBytes": 128 << 30}
        role = "manager" if number < MANAGERS else "worker"
        shown["Spec"] = shown["Spec"] | {"Role": role}
        found.append(shown)
    return _sent(found)


def node_id(number: int) -> str:
    """Return the id of a node."""
    return f"node{number:021}"


def _spec(game_id: str) -> ContainerSpec:
    name, labels = container_name(game_id), _labels(game_id)
    spec = ContainerSpec(
        name=name,
        hostname=name,
        image=ImageId("registry.example.com/galaxy/game@sha256:" + "0" * 64),
        labels=labels,
        environment={"GAME_STATE_PATH": _MOUNT, "STORAGE_PATH": _MOUNT},
        network=NETWORK,
        state_path=f"{_ROOT}/{game_id}",
        mount_path=_MOUNT,
        limits=ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512),
        read_only_root=False,
    )
    return replace(spec, state_marker=f"{_ROOT}/.galaxy-state-0123456789abcdef")


def _labels(game_id: str) -> Mapping[str, str]:
    return {
        OWNER_LABEL: OWNER,
        KIND_LABEL: KIND,
        INSTALLATION_LABEL: "0123456789abcdef",
        GAME_ID_LABEL: game_id,
        IMAGE_REF_LABEL: "registry.example.com/galaxy/game:1.4.7",
        STARTED_AT_LABEL: "1764450000000",
        OPERATION_LABEL: "1",
    }


def _task(
    service_id: str, spec: Mapping[str, Any], address: str, node: str, now: str
) -> Mapping[str, Any]:
    task_id = hashlib.sha256(service_id.encode()).hexdigest()[:25]
    task: dict[str, Any] = ANSWERS["task"] | {
        "ID": task_id,
        "ServiceID": service_id,
        "NodeID": node,
        "Spec": spec,
    }
    task["Status"] = task["Status"] | {"Timestamp": now}
    task["NetworksAttachments"] = [task["NetworksAttachments"][0] | {"Addresses": [f"{address}/8"]}]
    return task | {"CreatedAt": now, "UpdatedAt": now}


def _sent(value: object) -> bytes:
    """Return the JSON as a manager sends it, without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()
