"""What connects the nodes of a Swarm, and the registry from which all of them pull."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dev.debian_packages import require_command
from dev.swarm.machine import Machine
from dev.swarm.store import machine_of

NETWORK = "10.78.0.0/24"
ADDRESS = "10.78.0.1"
REGISTRY_PORT = 5000
REGISTRY = f"{ADDRESS}:{REGISTRY_PORT}"


@dataclass(frozen=True)
class Switch:
    """A machine with a port for each node, and a registry on it; no cable leads out of it."""

    machine: Machine

    @classmethod
    def of(cls, swarm: Path) -> "Switch":
        """Return the switch of the Swarm in a directory, running or not."""
        return cls(machine_of(swarm, "switch", ADDRESS))

    def start(self, echo: Callable[[str], None]) -> None:
        """Start it, with the images that its registry had before; no-op when it is on."""
        if self.machine.is_on:
            return
        program = require_command("docker-registry", "docker-registry", echo)
        self.machine.boot([program, "serve", str(self._settings())])
        self.machine.ip("link add ports type bridge")
        self.machine.ip(f"address add {ADDRESS}/24 dev ports")
        self.machine.ip("link set ports up")

    def connect(self, machine: Machine) -> None:
        """Plug in a machine, which has just been started, and give it its address."""
        # The port of a machine that was killed may be there for a moment.
        subprocess.run(self._delete(machine), check=False, capture_output=True)
        self.machine.ip(f"link add {machine.name} type veth peer name eth0 netns {machine.pid()}")
        self.machine.ip(f"link set {machine.name} master ports up")
        machine.ip(f"address add {machine.address}/24 dev eth0")
        machine.ip("link set eth0 up")
        machine.ip(f"route add default via {ADDRESS}")

    def cut(self, machine: Machine) -> None:
        """Cut the machine off: it runs on, and hears nobody."""
        self.machine.ip(f"link set {machine.name} down")

    def rejoin(self, machine: Machine) -> None:
        """Let a machine that was cut off hear the others again."""
        self.machine.ip(f"link set {machine.name} up")

    def _delete(self, machine: Machine) -> list[str]:
        return [
            *("nsenter", f"--net={self.machine.network()}"),
            *("ip", "link", "delete", machine.name),
        ]

    def _settings(self) -> Path:
        storage = {
            "filesystem": {"rootdirectory": str(self.machine.directory / "images")},
            "delete": {"enabled": True},
        }
        http = {"addr": f"0.0.0.0:{REGISTRY_PORT}"}
        self.machine.directory.mkdir(parents=True, exist_ok=True)
        file = self.machine.directory / "registry.yml"
        # The registry reads YAML, and JSON is YAML.
        file.write_text(json.dumps({"version": "0.1", "storage": storage, "http": http}))
        return file
