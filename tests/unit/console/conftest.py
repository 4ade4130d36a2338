"""A browser without a window and without scripts, at the console of a fake service."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.console.fake_service import FakeService


@pytest.fixture
def service() -> FakeService:
    """Return a service without games."""
    return FakeService()


@pytest.fixture
async def browser(service: FakeService) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that keeps cookies, and follows no redirect by itself."""
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", trust_env=False
    ) as client:
        yield client
