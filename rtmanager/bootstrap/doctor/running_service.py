"""The service itself, if it runs here."""

from collections.abc import AsyncIterator

from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.client import (
    ClientError,
    Retries,
    RuntimeManagerClient,
    ServiceUnavailable,
    Timeouts,
    Unreachable,
)
from rtmanager.config import Address, Settings

_EVERYWHERE = {"", "::", "0.0.0.0"}  # noqa: S104 - compared, not bound


async def check_running_service(settings: Settings) -> AsyncIterator[Finding]:
    """Ask whether it is ready; that none runs is no fault."""
    address = settings.internal_http_addr
    host = "127.0.0.1" if address.host in _EVERYWHERE else address.host
    url = f"http://{Address(host, address.port)}"
    quick = Timeouts(connect=1, read=4)
    async with RuntimeManagerClient(url, timeouts=quick, retries=Retries(tries=1)) as service:
        try:
            await service.readyz()
        except Unreachable as error:
            yield _absent(url, error)
        except ClientError as error:
            is_ours = isinstance(error, ServiceUnavailable) or error.code is not None
            remedy = "see its log" if is_ours else "another program uses the address: stop it"
            yield Finding.fault("service", f"{url} is not ready: {error.message}", remedy)
        else:
            yield Finding.ok("service", f"runs at {url} and is ready")


def _absent(url: str, error: Unreachable) -> Finding:
    if error.was_sent:
        return Finding.fault("service", f"{url} does not answer", "see its log, or restart it")
    return Finding.ok("service", f"does not run at {url}")
