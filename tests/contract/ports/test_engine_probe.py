"""The engine probe port, on the double and over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from rtmanager.domain.ports.engine_probe import ProbeAnswer
from tests.contract.ports.probe_worlds import Engines, HttpEngines, MemoryEngines

NOBODY = "127.0.77.1"


@pytest.fixture(params=["in memory", "http"])
async def engines(request: pytest.FixtureRequest) -> AsyncIterator[Engines]:
    """Return each kind of engines in turn."""
    async with AsyncExitStack() as stack:
        in_memory = request.param == "in memory"
        yield MemoryEngines() if in_memory else HttpEngines(stack)


async def test_an_engine_that_answers_is_healthy(engines: Engines) -> None:
    """A 200 is healthy, without an error."""
    assert await engines.probe.check(await engines.healthy()) == ProbeAnswer(healthy=True)


async def test_an_engine_that_says_so_is_unhealthy(engines: Engines) -> None:
    """An error status makes the engine unhealthy and is named in the error."""
    answer = await engines.probe.check(await engines.unhealthy())

    assert not answer.healthy
    assert "503" in answer.error


async def test_an_address_without_an_engine_is_unhealthy(engines: Engines) -> None:
    """A refused connection is an unhealthy result, not an exception; it is named in words."""
    answer = await engines.probe.check(NOBODY)

    assert not answer.healthy
    assert answer.error.lower().endswith("connection refused")


@pytest.mark.parametrize("address", ["", "no address", "256.1.1.1", "\0", "a" * 300, "::g", "é"])
async def test_a_nonsense_address_is_unhealthy(engines: Engines, address: str) -> None:
    """The probe never raises, whatever the address."""
    assert not (await engines.probe.check(address)).healthy


async def test_trap_out_of_descriptors_is_not_a_miss(engines: Engines) -> None:
    """A lack of descriptors is raised with its cause, because the engine was not probed."""
    address = await engines.healthy()

    with engines.cannot_be_asked(address):
        answer = await engines.probe.check(address)

    assert (answer.healthy, answer.is_unknown) == (False, True)
    assert answer.error
    assert await engines.probe.check(address) == ProbeAnswer(healthy=True)
