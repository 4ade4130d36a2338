"""A container's specification as the JSON of a service."""

from collections.abc import Iterable, Mapping
from typing import Any

from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.domain.container import MARKER_TARGET, ContainerSpec

_NANO = 1_000_000_000
_SCRATCH_MODE = 0o1777
_LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}


def service_spec(
    spec: ContainerSpec, policy: SwarmPolicy, *, name: str, without_nodes: Iterable[str] = ()
) -> Mapping[str, Any]:
    """Return what Swarm is sent to create the container, with no task yet.

    `without_nodes` are the ids of nodes on which it is not placed.
    """
    return {
        "Name": name,
        "Labels": {
            **labels.without_ours(spec.labels),
            labels.NAME: spec.name,
            labels.NETWORK: spec.network,
        },
        "TaskTemplate": {
            "ContainerSpec": _container(spec, policy),
            "Resources": _resources(spec, policy),
            "RestartPolicy": {"Condition": "none", "MaxAttempts": 0},
            "Placement": _placement(policy, without_nodes),
            "Networks": [{"Target": spec.network, "Aliases": [spec.hostname]}],
            "LogDriver": {"Name": "json-file", "Options": _LOG_OPTIONS},
            "ForceUpdate": 0,
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        # With the default, a task that fails at once would pause the service.
        "UpdateConfig": {"Parallelism": 1, "FailureAction": "continue", "Order": "stop-first"},
        # A virtual address would need the kernel's IPVS on every node.
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _container(spec: ContainerSpec, policy: SwarmPolicy) -> Mapping[str, Any]:
    return {
        "Image": spec.image,
        "Labels": dict(spec.labels),
        "Hostname": spec.hostname,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Mounts": [
            {"Type": "bind", "Source": spec.state_path, "Target": spec.mount_path},
            *_marker(spec),
            *(_scratch(path, spec.scratch_bytes) for path in spec.scratch),
        ],
        "Init": True,
        "ReadOnly": spec.read_only_root,
        "CapabilityDrop": ["ALL"],
        # Engines before 25.0 ignore it.
        "Privileges": {"NoNewPrivileges": True},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        # Swarm would kill an engine whose health check fails.
        "Healthcheck": {"Test": ["NONE"]},
        "StopGracePeriod": policy.stop_grace * _NANO,
    }


def _marker(spec: ContainerSpec) -> list[Mapping[str, Any]]:
    """Return the file by whose absence a node shows that it lacks the shared storage."""
    if spec.state_marker is None:
        return []
    return [
        {"Type": "bind", "Source": spec.state_marker, "Target": MARKER_TARGET, "ReadOnly": True}
    ]


def _scratch(path: str, size: int) -> Mapping[str, Any]:
    """Return a directory in memory; Swarm adds nosuid, nodev and noexec."""
    options = {"SizeBytes": size, "Mode": _SCRATCH_MODE}
    return {"Type": "tmpfs", "Target": path, "TmpfsOptions": options}


def _resources(spec: ContainerSpec, policy: SwarmPolicy) -> Mapping[str, Any]:
    cpus, memory = spec.limits.cpu_quota, spec.limits.memory_bytes
    return {
        "Limits": {
            "NanoCPUs": round(cpus * _NANO),
            "MemoryBytes": memory,
            "Pids": spec.limits.pids_limit,
        },
        "Reservations": {
            "NanoCPUs": round(cpus * policy.reserved_cpu * _NANO),
            "MemoryBytes": round(memory * policy.reserved_memory),
        },
    }


def _placement(policy: SwarmPolicy, without_nodes: Iterable[str]) -> Mapping[str, Any]:
    spread = [{"Spread": {"SpreadDescriptor": label}} for label in policy.spread_over]
    avoided = (f"node.id!={node}" for node in without_nodes)
    return {"Constraints": [*policy.constraints, *avoided], "Preferences": spread}
