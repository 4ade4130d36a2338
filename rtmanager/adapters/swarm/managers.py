"""The managers of a Swarm: the one that answered last is asked, the next one when it cannot."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

from docker.errors import APIError

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.client import Bulkhead, DockerClient, Work
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_host import DockerUnavailable

T = TypeVar("T")

_PAUSE = 0.5
"""Seconds until all are asked again: a new leader is elected within a few."""
_NO_LEADER = re.compile(
    r"does not have a leader|lost leader status|not a swarm manager|swarm is down|"
    r"context (?:deadline exceeded|canceled)|code = (?:Unavailable|DeadlineExceeded|Canceled)|"
    r"raft: |node is not (?:a manager|part of a swarm)",
    re.IGNORECASE,
)
"""How a manager says that it cannot answer now; another one may."""


class NoLeader(DockerUnavailable):
    """the manager knows no leader of the Swarm."""


class Managers:
    """Clients of the managers, and which of them answers.

    A request is sent to one after the other, and again from the first one, until the deadline. Only
    what may be sent twice is sent this way: reads, and changes by version or of a unique name.
    """

    def __init__(self, clients: Sequence[DockerClient], *, timeout: float) -> None:
        self.clients = clients
        self.timeout = timeout
        self._answering = 0

    @property
    def current(self) -> DockerClient:
        """The manager that answered last."""
        return self.clients[self._answering]

    async def call(
        self,
        work: Work[T],
        *,
        bulkhead: Bulkhead = Bulkhead.READ,
        refused: errors.Refusal = errors.refused,
    ) -> T:
        """Do the work with a manager that can. Raises DockerUnavailable when none could."""
        return await self.ask(
            lambda one: one.call(work, bulkhead=bulkhead, refused=_or_no_leader(refused))
        )

    async def ask(self, question: Callable[[DockerClient], Awaitable[T]]) -> T:
        """Ask one manager after the other until one answers, whatever that is."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                return await self._ask_each(question, until)
            except DockerUnavailable:
                if time.monotonic() + _PAUSE >= until:
                    raise
            await asyncio.sleep(_PAUSE)

    async def aclose(self) -> None:
        """Close all connections."""
        for each in self.clients:
            await each.aclose()

    async def _ask_each(self, question: Callable[[DockerClient], Awaitable[T]], until: float) -> T:
        """Ask each once, as long as there is time; the last one's error is raised."""
        first, count = self._answering, len(self.clients)
        failed: DockerUnavailable | None = None
        for number in ((first + step) % count for step in range(count)):
            if failed is not None and time.monotonic() >= until:
                break
            try:
                answer = await question(self.clients[number])
            except DockerUnavailable as error:
                failed = error
                continue
            except RuntimeManagerError:
                self._prefer(number, to=first)
                raise
            self._prefer(number, to=first)
            return answer
        raise failed or DockerUnavailable

    def _prefer(self, number: int, *, to: int) -> None:
        """Ask this manager first from now on, unless another request has moved on meanwhile.

        It may have left a former leader, which still answers reads from what it knew.
        """
        if self._answering == to:
            self._answering = number


def _or_no_leader(refused: errors.Refusal) -> errors.Refusal:
    """Return a translation that knows besides how a manager says that it cannot answer now."""

    def translate(error: APIError) -> RuntimeManagerError:
        text = str(error.explanation or error)
        status = error.status_code or 0
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and _NO_LEADER.search(text):
            return NoLeader(f"the Swarm manager cannot answer: {text}")
        return refused(error)

    return translate
