"""The engine probe port over HTTP."""

import asyncio

import httpx

from rtmanager.domain.container import ENGINE_PORT
from rtmanager.domain.ports.engine_probe import ProbeAnswer

PATH = "/healthz"
_BODY_LIMIT = 4096


class HttpEngineProbe:
    """Asks engines at their container address; `aclose()` ends it.

    The limit is for the whole answer, so that an engine cannot hold a probe by dripping.
    """

    def __init__(self, *, timeout: float = 2.0, port: int = ENGINE_PORT) -> None:
        self._timeout = timeout
        self._port = port
        # A proxy of the environment is for web traffic, and no connection is kept: the address may
        # be another engine's by the next probe.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def check(self, address: str) -> ProbeAnswer:
        """Ask `/healthz` once; any 2xx is healthy."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(address)
        except (TimeoutError, httpx.TimeoutException):
            return ProbeAnswer(healthy=False, error=f"{PATH} not answered in {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            words = str(error) or type(error).__name__
            return ProbeAnswer(healthy=False, error=f"{PATH} cannot be asked: {words}"[:200])

    async def aclose(self) -> None:
        """Close whatever is still open."""
        await self._client.aclose()

    async def _ask(self, address: str) -> ProbeAnswer:
        host = f"[{address}]" if ":" in address else address
        async with self._client.stream("GET", f"http://{host}:{self._port}{PATH}") as response:
            await _read_some(response)
        if response.is_success:
            return ProbeAnswer(healthy=True)
        return ProbeAnswer(healthy=False, error=f"{PATH} answered {response.status_code}")


async def _read_some(response: httpx.Response) -> None:
    """Read the body, which shows that the engine finishes its answer, but never all of a flood."""
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > _BODY_LIMIT:
            return
