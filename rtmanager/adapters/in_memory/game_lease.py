"""Game leases in memory, with the life cycle of those in Redis, on any clock."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseBusy, LeaseLost

POLL_SECONDS = 0.05
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Grant:
    """A lease as the lease store keeps it. It does not expire while it is renewed."""

    number: LeaseNumber = NO_LEASE
    expires_at: float | None = None

    def is_over(self, now: float) -> bool:
        """Return whether it has expired."""
        return self.expires_at is not None and now >= self.expires_at


Grants = dict[GameId, Grant]


@dataclass
class LeaseNumbers:
    """Lease numbers as the store draws them, with a clock that may be off and step back."""

    last: LeaseNumber = NO_LEASE
    clock_is_off_by: timedelta = timedelta(0)

    def draw(self, now: datetime, *, above: LeaseNumber) -> LeaseNumber:
        """Return a number higher than the last one and `above`, and not behind the clock."""
        clock = (now + self.clock_is_off_by - _1970) // timedelta(microseconds=1)
        self.last = LeaseNumber(max(clock, self.last + 1, above + 1))
        return self.last

    def forget(self) -> None:
        """Lose the last number, like a store that was flushed or replaced."""
        self.last = NO_LEASE


@dataclass(frozen=True)
class InMemoryGameLease:
    """A held lease."""

    game_id: GameId
    grant: Grant
    grants: Grants
    clock: Clock

    @property
    def number(self) -> LeaseNumber:
        """The number drawn with the lease."""
        return self.grant.number

    def check(self) -> None:
        """Raise LeaseLost when the lease has expired, even if nobody else holds it yet."""
        ours = self.grants.get(self.game_id) is self.grant
        if not ours or self.grant.is_over(self.clock.monotonic()):
            raise LeaseLost


@dataclass(eq=False)
class LeaseConnection:
    """One process's connection to the lease store. All those of a simulation share both tables.

    Inject faults around this (`lease.acquire` at each try, `lease.release`, `lease.ping`): waiting
    for a lease and leaving it are the port's own behaviour. The background renewal is modelled, not
    run: a held lease lives until `stall` (the holder's renewals no longer arrive; it expires a TTL
    later, unless they `resume`), `expire` (gone now) or `abandon` (the process was killed).
    """

    clock: Clock
    ttl: float = 60.0
    grants: Grants = field(default_factory=dict)
    numbers: LeaseNumbers = field(default_factory=LeaseNumbers)
    _held: Grants = field(default_factory=dict, init=False)

    async def acquire(self, game_id: GameId, grant: Grant, *, above: LeaseNumber) -> None:
        """Try once to take the lease, and draw the grant's number; raises LeaseBusy."""
        holder = self.grants.get(game_id)
        if holder and not holder.is_over(self.clock.monotonic()):
            raise LeaseBusy
        grant.number = self.numbers.draw(self.clock.now(), above=above)
        self.grants[game_id] = self._held[game_id] = grant

    async def release(self, game_id: GameId, grant: Grant) -> None:
        """Delete the lease if it is still this one."""
        if self.grants.get(game_id) is grant:
            del self.grants[game_id]

    async def ping(self) -> None:
        """Answer."""

    @property
    def held(self) -> Sequence[GameId]:
        """The games whose leases this process holds or believes it holds."""
        return list(self._held)

    def let_go(self, game_id: GameId) -> None:
        """Stop renewing the lease: if it cannot be released, it expires."""
        self.stall(game_id)
        self._held.pop(game_id, None)

    def stall(self, game_id: GameId) -> None:
        """Lose all further renewals of this process's lease: it expires a TTL from now."""
        if grant := self._held.get(game_id):
            grant.expires_at = self.clock.monotonic() + self.ttl

    def resume(self) -> None:
        """Deliver renewals again: a lease that has not expired lives on."""
        for grant in self._held.values():
            if not grant.is_over(self.clock.monotonic()):
                grant.expires_at = None

    def expire(self, game_id: GameId) -> None:
        """Take the lease from its holder immediately."""
        self.grants.pop(game_id, None)

    def abandon(self) -> None:
        """Stop renewing everything, like a process that is killed."""
        for game_id in self._held:
            self.stall(game_id)


@dataclass(eq=False)
class InMemoryGameLeases:
    """The leases of one process, which queues and polls as the real one does."""

    connection: LeaseConnection
    _queues: dict[GameId, deque[object]] = field(default_factory=dict, init=False)

    @asynccontextmanager
    async def hold(
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AsyncIterator[InMemoryGameLease]:
        """Hold the game's lease for the block."""
        ticket, queue = object(), self._queues.setdefault(game_id, deque())
        queue.append(ticket)
        try:
            grant = await self._acquire(game_id, ticket, wait, above)
            try:
                yield InMemoryGameLease(
                    game_id, grant, self.connection.grants, self.connection.clock
                )
            finally:
                await self._release(game_id, grant)
        finally:
            queue.remove(ticket)
            if not queue:
                self._queues.pop(game_id, None)

    async def ping(self) -> None:
        """Ask the store for an answer."""
        await self.connection.ping()

    async def _acquire(
        self, game_id: GameId, ticket: object, wait: float, above: LeaseNumber
    ) -> Grant:
        clock = self.connection.clock
        deadline = clock.monotonic() + wait
        while True:
            # Only the first in this process's queue asks the store; the holder stays first until it
            # leaves.
            is_first = self._queues[game_id][0] is ticket
            if is_first and (grant := await self._try(game_id, above)):
                return grant
            left = deadline - clock.monotonic()
            if left <= 0:
                raise LeaseBusy
            await clock.sleep(min(POLL_SECONDS, left))

    async def _try(self, game_id: GameId, above: LeaseNumber) -> Grant | None:
        grant = Grant()
        try:
            await self.connection.acquire(game_id, grant, above=above)
        except LeaseBusy:
            return None
        except BaseException:
            if grant.number != NO_LEASE:  # it was granted, but the reply was lost
                await self._release(game_id, grant)
            raise
        return grant

    async def _release(self, game_id: GameId, grant: Grant) -> None:
        self.connection.let_go(game_id)
        with suppress(Exception):  # leaving never raises, even if the store fails
            await self.connection.release(game_id, grant)
