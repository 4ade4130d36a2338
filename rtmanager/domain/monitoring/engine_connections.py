"""Refusing engines' connections: they run other people's code, and the API trusts its callers."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from rtmanager.domain.concurrency import Renewal
from rtmanager.domain.container import ContainerId, EngineContainer
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.monitoring.engine_addresses import EngineAddresses, IpAddress, parse_address
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost

logger = logging.getLogger(__name__)

REPEAT_AFTER = 1.0
"""Seconds for which an engine is refused by the list that showed it: a flood costs few lists."""
STALE_AFTER = 15.0
"""Seconds after which a list no longer shows for certain which networks engines are on."""
ENGINES_WAIT = 4.0
"""Seconds that a peer which could be an engine waits for a list at most."""
OTHERS_WAIT = 1.0
"""Seconds since a list began that all other callers wait for it at most."""


@dataclass(slots=True)
class EngineConnections:
    """Decides who may connect, by the peer's address alone.

    A peer that could be an engine waits for a list of containers that begins after it connected, so
    that an engine is refused from its first moment. Concurrent peers share a list. When Docker does
    not answer, the last list decides, which admits none that it does not show.
    """

    host: ContainerHost
    network: str
    clock: Clock
    known: EngineAddresses | None = None
    _lists: Renewal = field(init=False)
    _listed_at: float = field(default=0.0, init=False)
    _has_failed: bool = field(default=False, init=False)
    _logged: set[ContainerId] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Prepare to list on demand."""
        self._lists = Renewal(self._list)

    async def learn(self, containers: Sequence[EngineContainer]) -> None:
        """Learn from the list of containers who has which address on the networks they are on.

        An error is logged, and what was learned before stays; without that nobody is admitted.
        """
        with self._errors_logged():
            await self._learn(containers)

    async def close(self) -> None:
        """End the list under way, without waiting for Docker; nobody may connect any more."""
        await self._lists.close()

    async def _learn(self, containers: Sequence[EngineContainer]) -> None:
        names = {self.network}.union(*(each.attached_to for each in containers))
        self.known = EngineAddresses.of(containers, await self.host.networks(names))
        self._logged &= {each.id for each in containers}

    async def admits(self, address: str) -> bool:
        """Return whether a connection from this address may be served.

        Waits for Docker up to four seconds if the peer could be an engine, up to one if the list is
        old, and never on the loopback interface.
        """
        peer = parse_address(address)
        if peer is None or _is_link_local(peer):
            return False
        if peer.is_loopback:
            return True
        await self._ask_docker(peer)
        if self.known is not None and self.known.admits(peer):
            return True
        self._log(peer)
        return False

    async def _ask_docker(self, peer: IpAddress) -> None:
        known, age = self.known, self.clock.monotonic() - self._listed_at
        if known is None or known.may_be_engine(peer):
            if known is None or peer not in known.engines or age >= REPEAT_AFTER:
                await asyncio.wait([self._lists.begun_from_now()], timeout=ENGINES_WAIT)
        elif age >= STALE_AFTER:
            await asyncio.wait([self._lists.begun_from_now()], timeout=OTHERS_WAIT)
        elif self._lists.latest is not None and age < OTHERS_WAIT:
            await asyncio.wait([self._lists.latest], timeout=OTHERS_WAIT - age)

    async def _list(self) -> None:
        self._listed_at = self.clock.monotonic()
        with self._errors_logged():
            await self._learn(await self.host.list_containers())

    @contextmanager
    def _errors_logged(self) -> Iterator[None]:
        """Log an error, once until the block succeeds again: the last list decides meanwhile."""
        try:
            yield
        except Exception as error:  # nobody awaits a list for its error
            if not self._has_failed:
                expected = isinstance(error, RuntimeManagerError)
                about = {"error": str(error) if expected else repr(error)}
                trace = None if expected else error
                logger.warning("engine_addresses_unknown", extra=about, exc_info=trace)
            self._has_failed = True
        else:
            self._has_failed = False

    def _log(self, peer: IpAddress) -> None:
        """Log an engine's first refused connection; it is forgotten with its container."""
        engine = self.known.engines.get(peer) if self.known else None
        if engine is not None and engine.id not in self._logged:
            self._logged.add(engine.id)
            about = {"game_id": engine.game_id, "container": engine.id, "address": str(peer)}
            logger.warning("engine_connection_refused", extra=about)


def _is_link_local(peer: IpAddress) -> bool:
    """Return whether Docker cannot say whose address this is: it does not show those."""
    return isinstance(peer, IPv6Address) and peer.is_link_local
