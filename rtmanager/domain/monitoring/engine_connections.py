"""Refusing engines' connections: they run other people's code, and the API trusts its callers."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from rtmanager.domain.concurrency import Renewal
from rtmanager.domain.container import ContainerId, EngineContainer
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.monitoring.engine_addresses import (
    EngineAddresses,
    IpAddress,
    KnownEngine,
    LocalNetwork,
    parse_address,
)
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost

logger = logging.getLogger(__name__)

REPEAT_AFTER = 1.0
"""Seconds for which the same is believed of an engine's address and of one outside of Docker."""
LONGEST_WAIT = 4.0
"""Seconds that a peer waits for Docker at most."""
SHORT_WAIT = 1.0
"""Seconds since Docker was asked that one waits at most who was outside of Docker before."""
REMEMBERED = 1000
"""Addresses that are remembered: those that were asked about last."""


@dataclass(slots=True)
class EngineConnections:
    """Decides who may connect, by the peer's address alone.

    Docker is asked again about every peer after it has connected, so that an engine is refused from
    its first moment on any network, one that was made just before included. Concurrent peers share
    an answer. When Docker does not answer, what it said last decides.
    """

    host: ContainerHost
    network: str
    clock: Clock
    known: EngineAddresses | None = None
    _renewal: Renewal[None] = field(init=False)
    _asked: set[IpAddress] = field(default_factory=set, init=False)
    _asked_at: float = field(default=0.0, init=False)
    _lasting: dict[IpAddress, float] = field(default_factory=dict, init=False)
    _has_failed: bool = field(default=False, init=False)
    _logged: set[ContainerId] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Prepare to ask Docker on demand."""
        self._renewal = Renewal(self._renew)

    async def learn(self, containers: Sequence[EngineContainer]) -> None:
        """Learn from the list of containers who has which address on the networks they are on.

        An error is logged, and what was learned before stays; without that nobody is admitted.
        """
        with self._errors_logged():
            await self._learn(containers)

    async def close(self) -> None:
        """End the question under way, without waiting for Docker; nobody may connect any more."""
        await self._renewal.close()

    async def _learn(self, containers: Sequence[EngineContainer]) -> None:
        names = {self.network}.union(*(each.attached_to for each in containers))
        networks = await self._networks(lambda each: each.name in names)
        self.known = EngineAddresses(
            networks, {each.id: KnownEngine.of(each) for each in containers}, frozenset(names)
        )

    async def admits(self, address: str) -> bool:
        """Return whether a connection from this address may be served.

        Waits for Docker up to four seconds, up to one if the peer was outside of Docker before, and
        never on the loopback interface.
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
        now, shown_at = self.clock.monotonic(), self._lasting.get(peer)
        wait = LONGEST_WAIT
        if shown_at is not None:
            if now - shown_at < REPEAT_AFTER:
                return
            latest = self._renewal.latest
            is_asking = latest is not None and not latest.done()
            wait = SHORT_WAIT - (now - self._asked_at if is_asking else 0.0)
        self._asked.add(peer)
        await asyncio.wait([self._renewal.begun_from_now()], timeout=max(0.0, wait))

    async def _renew(self) -> None:
        asked, self._asked = self._asked, set()
        self._asked_at = self.clock.monotonic()
        with self._errors_logged():
            self.known = await self._observed(asked)
            self._remember(asked, self.known)

    async def _observed(self, asked: Collection[IpAddress]) -> EngineAddresses:
        """Ask Docker for its networks, for who is on those of these peers, and who that is."""
        networks = await self._networks(lambda each: any(map(each.covers, asked)))
        containers = await self._containers(networks, asked)
        return EngineAddresses(
            networks, containers, self.known.engines_on if self.known else frozenset()
        )

    async def _networks(self, is_near: Callable[[LocalNetwork], bool]) -> Sequence[LocalNetwork]:
        """Return all networks; who is on those that are not near stays what it was."""
        before = {each.id: each for each in self.known.networks} if self.known else {}
        networks = []
        for shown in await self.host.networks():
            network = LocalNetwork.of(shown)
            if is_near(network):
                network = network.held_by(await self.host.attached(network.id))
            elif network.id in before:
                network = before[network.id]
            networks.append(network)
        return networks

    async def _containers(
        self, networks: Sequence[LocalNetwork], asked: Collection[IpAddress]
    ) -> Mapping[ContainerId, KnownEngine | None]:
        """Return what is known of who is on the networks, which never changes for a container.

        One that is gone already is none of them, and stays unknown.
        """
        attached = {holder for each in networks for holder in each.holders.values()}
        before = self.known.containers if self.known else {}
        kept = {each: before[each] for each in attached if each in before}
        near = {each.holders[peer] for each in networks for peer in asked if peer in each.holders}
        new = near - kept.keys()
        found = await self.host.containers_with(new) if new else ()
        return kept | {
            each.id: KnownEngine.of(each) if each.has_our_labels else None for each in found
        }

    def _remember(self, asked: Collection[IpAddress], known: EngineAddresses) -> None:
        """Remember which peers are engines, and which cannot be one as long as networks stay."""
        self._logged &= {each.id for each in known.containers.values() if each}
        for peer in asked:
            self._lasting.pop(peer, None)
            if known.engine_at(peer) or (known.admits(peer) and not known.holders(peer)):
                self._lasting[peer] = self._asked_at
        while len(self._lasting) > REMEMBERED:
            del self._lasting[next(iter(self._lasting))]

    @contextmanager
    def _errors_logged(self) -> Iterator[None]:
        """Log an error, once until the block succeeds again: the last answer decides meanwhile."""
        try:
            yield
        except Exception as error:  # nobody awaits an answer for its error
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
        engine = self.known.engine_at(peer) if self.known else None
        if engine is not None and engine.id not in self._logged:
            self._logged.add(engine.id)
            about = {"game_id": engine.game_id, "container": engine.id, "address": str(peer)}
            logger.warning("engine_connection_refused", extra=about)


def _is_link_local(peer: IpAddress) -> bool:
    """Return whether Docker cannot say whose address this is: it does not show those."""
    return isinstance(peer, IPv6Address) and peer.is_link_local
