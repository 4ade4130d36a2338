from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from rtmanager.adapters.observed.journal import observed_journal
from rtmanager.adapters.observed.ports import observed_host, observed_leases
from rtmanager.adapters.observed.tracing import OtelTracing
from rtmanager.bootstrap.use_cases import UseCases
from rtmanager.domain.operation import OperationKind, OperationRequest
from tests.support.observed import Counted, Spans
from tests.unit.domain.world import GAME, World

Ask = Callable[..., Awaitable[object]]


@pytest.fixture
def world() -> World:
    """Return a Docker host and a store in memory."""
    return World()


@pytest.fixture
def counted() -> Counted:
    """Return what the test counts."""
    return Counted()


@pytest.fixture
def spans() -> Spans:
    """Return a tracer of the test's own."""
    return Spans()


@pytest.fixture
def cases(world: World, spans: Spans) -> UseCases:
    """Return use cases on observed doubles."""
    ports = world.manager.ports
    observed = replace(
        ports,
        journal=observed_journal(ports.journal),
        host=observed_host(ports.host),
        leases=observed_leases(ports.leases),
        tracing=OtelTracing(spans.tracer),
    )
    return UseCases.assemble(observed, world.policy)


@pytest.fixture
def ask(world: World, cases: UseCases) -> Ask:
    """Return a function that runs an operation on the game."""

    async def run(kind: OperationKind, image: str | None = None, wait: float = 5.0) -> object:
        request = OperationRequest(game_id=GAME, kind=kind, origin=world.origin(), image_ref=image)
        return await cases.operations.run(request, wait=wait)

    return run
