"""What systemd is told about the process, if it asks to be told (`Type=notify`)."""

import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger(__name__)

READY, STOPPING = "READY=1", "STOPPING=1"


def notify(state: str, environment: Mapping[str, str]) -> None:
    """Send the state to the socket in NOTIFY_SOCKET; a no-op without one, never raises."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        try:
            sender.sendto(state.encode(), address)
        except OSError as error:
            log.warning("service_manager_not_notified", state=state, error=str(error))
