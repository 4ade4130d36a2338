"""Warnings of what an operator may want to close."""

import structlog

from rtmanager.config import Address, Settings
from rtmanager.domain.monitoring.engine_addresses import EngineAddresses, parse_address

log = structlog.get_logger(__name__)

ADVICE = (
    "engines can reach it: set RTMANAGER_INTERNAL_HTTP_ADDR to 127.0.0.1 or to an address on a "
    "network without engines, or add a firewall rule; see docs/networks.md"
)


def warn_of_settings(settings: Settings) -> None:
    """Log one line if any image may run."""
    if not settings.allowed_images:
        log.warning("all_images_allowed", setting="RTMANAGER_ALLOWED_IMAGES")


def warn_of_listener(listener: Address, engines: EngineAddresses | None) -> None:
    """Log one line if the service listens where engines can connect, which says what to do."""
    event = _exposure(listener, engines)
    if event:
        log.warning(event, address=str(listener), advice=ADVICE)


def _exposure(listener: Address, engines: EngineAddresses | None) -> str:
    address = parse_address(listener.host)
    if address is None or address.is_unspecified:
        return "listens_on_every_interface"
    is_theirs = engines is not None and engines.is_on_engines_network(address)
    return "listens_on_engines_network" if is_theirs else ""
