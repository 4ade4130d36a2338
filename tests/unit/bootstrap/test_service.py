import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.bootstrap.service import (
    Dependency,
    Service,
    ShutdownDeadline,
    StartupError,
    or_startup_error,
)
from rtmanager.domain.concurrency import InFlight
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.workers.worker import WorkerStatus


class Stand:
    """A service with stub parts, which records in order what is done to them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.in_flight = InFlight()
        parts: Any = {
            "use_cases": SimpleNamespace(
                operations=SimpleNamespace(in_flight=self.in_flight),
                connections=SimpleNamespace(learn=self._learn, close=self._forget),
                readiness=SimpleNamespace(withdraw=lambda: self.done.append("not ready")),
            ),
            "cycles": SimpleNamespace(
                check_host=SimpleNamespace(run=self._look), reconcile=SimpleNamespace(run=self._fix)
            ),
            "relay": self,
            "leader": SimpleNamespace(
                running=self._lead, hand_over=lambda: self.done.append("handed over")
            ),
        }
        self.clock, self.status = ManualClock(), WorkerStatus("relay")
        self.fault: ServiceUnavailable | None = None
        self.service = Service(
            dependencies=[self._dependency("postgres"), self._dependency("redis")],
            **parts,
        )

    async def run(self) -> None:
        """Stand in for the relay."""
        try:
            await asyncio.Event().wait()
        finally:
            self.done.append("relay ended")

    def _dependency(self, name: str) -> Dependency:
        async def connect() -> None:
            self.done.append(f"{name} opened")
            if self.fault and name == "redis":
                raise self.fault

        async def close() -> None:
            self.done.append(f"{name} closed")

        return Dependency(connect, close, f"check that {name} runs")

    async def _look(self) -> None:
        self.done.append("looked")

    async def _learn(self, _listed: None) -> None:
        self.done.append("learned")

    async def _forget(self) -> None:
        self.done.append("connections closed")

    async def _fix(self, _listed: None) -> SimpleNamespace:
        await asyncio.sleep(0)  # let the relay begin
        self.done.append("reconciled")
        return SimpleNamespace(games=0, sentence="")

    @asynccontextmanager
    async def _lead(self) -> AsyncIterator[None]:
        self.done.append("workers run")
        yield
        self.done.append("workers ended")


async def test_service_opens_in_order_and_closes_in_the_reverse_order() -> None:
    """A part is closed before the parts that it depends on."""
    stand = Stand()

    async with stand.service.open(ShutdownDeadline(1.0)):
        opened = list(stand.done)

    found = ["looked", "reconciled", "learned"]
    assert opened == ["postgres opened", "redis opened", *found, "workers run"]
    closed = ["workers ended", "relay ended", "connections closed"]
    assert stand.done[len(opened) :] == [*closed, "redis closed", "postgres closed"]


async def test_service_that_is_about_to_stop_hands_over_and_is_not_ready() -> None:
    """Balancers turn away and another replica leads, while everything here stays open."""
    stand = Stand()

    async with stand.service.open(ShutdownDeadline(1.0)):
        opened = list(stand.done)
        stand.service.withdraw()

        assert stand.done == [*opened, "not ready", "handed over"]


async def test_missing_dependency_is_a_start_up_error_with_advice() -> None:
    """When a part fails to open, those opened before are closed again."""
    stand = Stand()
    stand.fault = ServiceUnavailable("Redis is not available")

    with pytest.raises(StartupError, match=r"^Redis is not available; check that redis runs$"):
        async with stand.service.open(ShutdownDeadline(1.0)):
            pass

    assert stand.done[2:] == ["redis closed", "postgres closed"]


@pytest.mark.parametrize("reason", ["no such user", "no such user."])
async def test_advice_may_depend_on_the_error(reason: str) -> None:
    """A server's full stop does not end the sentence that we go on with."""

    async def refused() -> None:
        raise ServiceUnavailable(reason)

    with pytest.raises(StartupError, match=r"^no such user; check: service_unavailable$"):
        await or_startup_error(refused(), lambda error: f"check: {error.code}")


async def test_operations_that_outlast_the_deadline_are_cut_off_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says how many operations were handed over."""
    stand = Stand()

    async with stand.service.open(ShutdownDeadline(0.0)):
        callers = [
            asyncio.create_task(stand.in_flight.run(asyncio.sleep(60), name=name))
            for name in ("g1", "g2")
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*callers, return_exceptions=True)

    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert (record.message, vars(record)["count"]) == ("operations_cut_off", 2)
