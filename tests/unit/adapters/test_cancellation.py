import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.domain.errors import ServiceUnavailable

Errors = Callable[[], AbstractContextManager[None]]
TRANSLATORS = pytest.mark.parametrize("errors", [postgres_errors, redis_errors])


async def _swallows() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


async def _fails_instead() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise psycopg.errors.QueryCanceled("canceling statement due to user request") from None


@TRANSLATORS
@pytest.mark.parametrize("driver", [_swallows, _fails_instead])
async def test_a_cancellation_that_a_driver_loses_ends_the_task(
    errors: Errors, driver: Callable[[], asyncio.Future[None]]
) -> None:
    """A cancellation that a driver turns into its own error still ends the worker."""

    async def work_on() -> None:
        for _ in range(2):  # a second round is one too many; the loop is bounded
            try:
                with errors():
                    await driver()
            except ServiceUnavailable:
                continue

    task = asyncio.create_task(work_on())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)

    assert task.cancelled()


@TRANSLATORS
async def test_without_a_cancellation_errors_are_translated(errors: Errors) -> None:
    """Without a cancellation the driver's errors are translated as usual."""
    with pytest.raises(ServiceUnavailable), errors():
        raise (psycopg.OperationalError if errors is postgres_errors else ConnectionError)("gone")


@TRANSLATORS
def test_errors_are_translated_outside_of_a_loop_too(errors: Errors) -> None:
    """Errors are also translated in a thread without an event loop, as in migrations."""
    with errors():
        pass
