"""Readiness: whether every dependency of the service answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLeases
from rtmanager.domain.ports.runtime_records import RuntimeRecords

CHECK_LIMIT = 2.0

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CheckReadiness:
    """Checks Postgres, Redis, Docker and the network concurrently, for at most two seconds."""

    records: RuntimeRecords
    leases: GameLeases
    host: ContainerHost
    docker_network: str

    async def run(self) -> None:
        """Return when all answer; otherwise raise an error that names each one that does not.

        Raises DockerUnavailable when only Docker is missing, else ServiceUnavailable. The state of
        the network is unknown without Docker, so it is not reported then.
        """
        checks = self._checks()
        found = await asyncio.gather(*(_fault(check) for check in checks.values()))
        faults = {name: fault for name, fault in zip(checks, found, strict=True) if fault}
        if "docker" in faults:
            faults.pop("network", None)  # unknown without Docker, whose own fault is reported
        if not faults:
            return
        message = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        raise (
            DockerUnavailable(message) if set(faults) == {"docker"} else ServiceUnavailable(message)
        )

    def _checks(self) -> Mapping[str, Check]:
        return {
            "postgres": self.records.ping,
            "redis": self.leases.ping,
            "docker": self.host.ping,
            "network": self._network,
        }

    async def _network(self) -> None:
        if not await self.host.network_exists():
            raise ServiceUnavailable(f"the Docker network {self.docker_network} does not exist")


async def _fault(check: Check) -> str | None:
    asking = asyncio.ensure_future(_answer(check))
    done, _ = await asyncio.wait([asking], timeout=CHECK_LIMIT)
    if done:
        return asking.result()
    # Not waited for: a driver may take seconds to notice that it was cancelled.
    asking.cancel()
    return f"no answer within {CHECK_LIMIT:g} s"


async def _answer(check: Check) -> str | None:
    try:
        await check()
    except RuntimeManagerError as error:
        return error.message
    return None
