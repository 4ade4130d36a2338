"""The container contract (DESIGN section 8) in Docker's words."""

from typing import Any

from docker.types import LogConfig, Mount

from rtmanager.domain.container import ContainerSpec

NANO = 1_000_000_000


def create_arguments(api: Any, spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK's `create_container` for this container."""
    return {
        "image": spec.image,
        "name": spec.name,
        "hostname": spec.hostname,
        "labels": dict(spec.labels),
        "environment": dict(spec.environment),
        "host_config": api.create_host_config(**host_arguments(spec)),
        # The SDK would add the proxies of the manager's own Docker config file to the environment.
        "use_config_proxy": False,
    }


def host_arguments(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK's `create_host_config`: the engine's sandbox."""
    memory = spec.limits.memory_bytes
    return {
        "network_mode": spec.network,
        # A Mount, unlike a volume string, is an error when the directory is missing.
        "mounts": [Mount(target=spec.mount_path, source=spec.state_path, type="bind")],
        "init": True,
        "restart_policy": {"Name": "no"},
        "security_opt": ["no-new-privileges:true"],
        "cap_drop": ["ALL"],
        "read_only": spec.read_only_root,
        "nano_cpus": round(spec.limits.cpu_quota * NANO),
        "mem_limit": memory,
        "memswap_limit": memory,  # the sum of both, so there is no swap on top
        "pids_limit": spec.limits.pids_limit,
        "log_config": LogConfig(
            type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"}
        ),
    }
