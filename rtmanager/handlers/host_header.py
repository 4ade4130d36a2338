"""The Host header: parsed strictly, because a web page's name for this service stands in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

LONGEST = 300
"""More bytes than any name and port have."""

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?P<dot>\.?))"
    r"(?::[0-9]{0,5})?"
)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Host:
    """The host of a request: as sent, in lower case, and its name without port and final dot."""

    sent: str
    name: str
    is_address: bool
    has_final_dot: bool = False

    @property
    def is_local_name(self) -> bool:
        """Whether nobody outside this network can give the name an address.

        Names without dots are not looked up in the public DNS; with a final dot they are, and some
        top-level domains have an address. Browsers read a number as an IPv4 address and send it in
        dots, so a number in this place is no name.
        """
        if "." in self.name or _NUMBER.fullmatch(self.name):
            return False
        return self.name == "localhost" or not self.has_final_dot

    @property
    def sent_name(self) -> str:
        """The name with its final dot, if it has one."""
        return f"{self.name}." if self.has_final_dot else self.name

    def origin(self, scheme: str) -> str:
        """Return the origin of this service's own pages, as a browser writes it."""
        return without_default_port(f"{scheme}://{self.sent}")


def parse_host(value: bytes) -> Host | None:
    """Return the host, or None if the header's value is not a host with an optional port."""
    sent = value.decode("latin-1").lower()
    found = _HOST.fullmatch(sent) if len(value) <= LONGEST else None
    if found is None:
        return None
    if address := found["v6"]:
        return Host(sent, address, is_address=True) if _is(IPv6Address, address) else None
    name, has_final_dot = found["name"], bool(found["dot"])
    is_address = not has_final_dot and _is(IPv4Address, name)
    return Host(sent, name, is_address=is_address, has_final_dot=has_final_dot)


def without_default_port(origin: str) -> str:
    """Return the origin without the port that its scheme implies."""
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], ""))


def _is(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
