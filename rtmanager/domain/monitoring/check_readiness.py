"""Readiness: whether every dependency of the service answers."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLeases
from rtmanager.domain.ports.runtime_records import RuntimeRecords

CHECK_LIMIT = 2.0

MAX_AGE = 1.0
"""Seconds for which a check is shared, counted from its begin."""

Check = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class CheckReadiness:
    """Checks Postgres, Redis, Docker and the network concurrently, for at most two seconds.

    All who ask within a second share one check, so that no caller can load the dependencies.
    """

    records: RuntimeRecords
    leases: GameLeases
    host: ContainerHost
    docker_network: str
    clock: Clock
    _latest: asyncio.Task[Mapping[str, str]] | None = field(default=None, init=False)
    _begun_at: float = field(default=0.0, init=False)
    _withdrawn: bool = field(default=False, init=False)

    def withdraw(self) -> None:
        """Be not ready from now on, because the service is about to stop."""
        self._withdrawn = True

    @property
    def names(self) -> Collection[str]:
        """The names of what is checked."""
        return self._checks().keys()

    @property
    def is_withdrawn(self) -> bool:
        """Whether the service is about to stop."""
        return self._withdrawn

    async def faults(self) -> Mapping[str, str]:
        """Return the fault of each dependency that does not answer."""
        return await asyncio.shield(self._recent())

    async def run(self) -> None:
        """Return when all answer; otherwise raise an error that names each one that does not.

        Raises DockerUnavailable when only Docker is missing, else ServiceUnavailable. The state of
        the network is unknown without Docker, so it is not reported then.
        """
        if self._withdrawn:
            raise ServiceUnavailable("the service is shutting down")
        faults = await self.faults()
        if not faults:
            return
        message = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        raise (
            DockerUnavailable(message) if set(faults) == {"docker"} else ServiceUnavailable(message)
        )

    async def require_docker(self) -> None:
        """Return when Docker answers; otherwise raise DockerUnavailable."""
        if (fault := (await self.faults()).get("docker")) is not None:
            raise DockerUnavailable(f"docker: {fault}")

    def _recent(self) -> asyncio.Task[Mapping[str, str]]:
        """Return the check that began at most a second ago, whether it has ended or not."""
        now = self.clock.monotonic()
        if self._latest is None or now - self._begun_at > MAX_AGE:
            self._latest = asyncio.create_task(self._faults(), name="readiness")
            self._begun_at = now
        return self._latest

    async def _faults(self) -> Mapping[str, str]:
        checks = self._checks()
        found = await asyncio.gather(*(_fault(check) for check in checks.values()))
        faults = {name: fault for name, fault in zip(checks, found, strict=True) if fault}
        if "docker" in faults:
            faults.pop("network", None)  # unknown without Docker, whose own fault is reported
        return faults

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
