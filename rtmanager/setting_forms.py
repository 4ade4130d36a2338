"""How the values of settings are written: one form per kind of value, each with its parser.

A parser names the fault and never repeats the value, which may be a secret in the wrong place.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NewType

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Seconds = NewType("Seconds", float)
"""A length of time in seconds."""

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_LONGEST = 8_760 * _MILLISECONDS["h"]
_BYTES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_LEAST_MEMORY = 6 << 20
_HIGHEST_PORT = 65_535


class FormError(ValueError):
    """The value is not written in its form; `accepted` is filled in by the form itself."""

    accepted = ""


@dataclass(frozen=True)
class Address:
    """A host and a port; an empty host stands for every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Form:
    """One way of writing a value: what is accepted in words, the parser, and its inverse."""

    accepted: str
    parse: Callable[[str], Any]
    render: Callable[[Any], str] = str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Parse text on its way into a model and write it again on its way out."""
        return core_schema.no_info_before_validator_function(
            self._read,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self.render),
        )

    def _read(self, value: Any) -> Any:
        try:
            return self.parse(value) if isinstance(value, str) else value
        except FormError as fault:
            fault.accepted = self.accepted
            raise


def duration(*, zero_allowed: bool = False) -> Form:
    """Return the form of a length of time such as `30s`."""
    example = "a number and its unit (ms, s, m, h), such as 250ms, 30s, 5m or 1h"
    accepted = f"{example}; 0 is allowed" if zero_allowed else f"{example}, more than 0"

    def parse(text: str) -> Seconds:
        if text == "0":
            milliseconds = Decimal(0)
        elif match := re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h)", text):
            milliseconds = Decimal(match[1]) * _MILLISECONDS[match[2]]
        else:
            raise FormError("is not a duration")
        if not milliseconds and not zero_allowed:
            raise FormError("must be more than 0")
        if milliseconds > _LONGEST:
            raise FormError("is longer than a year")
        return Seconds(float(milliseconds / 1_000))

    return Form(accepted, parse, render_duration)


def render_duration(seconds: Seconds) -> str:
    """Write a length of time in the largest unit that keeps it whole."""
    milliseconds = Decimal(repr(float(seconds))) * 1_000
    if not milliseconds:
        return "0"
    for unit in ("h", "m", "s"):
        amount, rest = divmod(milliseconds, _MILLISECONDS[unit])
        if not rest:
            return f"{amount:f}{unit}"
    return f"{milliseconds.normalize():f}ms"


def whole_number(least: int, most: int = 2**31 - 1) -> Form:
    """Return the form of a whole number within its limits."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise FormError("is not a whole number")
        if not least <= int(text) <= most:
            raise FormError("is out of range")
        return int(text)

    return Form(f"a whole number from {least} to {most}", parse)


def parse_cpu_quota(text: str) -> float:
    """Read a number of CPUs, of which Docker can grant a hundredth at the least."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text):
        raise FormError("is not a decimal number")
    if float(text) < 0.01:  # noqa: PLR2004 - the limit that the docstring names
        raise FormError("is too small")
    return float(text)


def parse_memory(text: str) -> int:
    """Read an amount of memory in bytes, of which Docker grants 6 MiB at the least."""
    match = re.fullmatch(r"([0-9]{1,15})([bkmg]?)b?", text.lower())
    if match is None:
        raise FormError("is not an amount of memory")
    amount = int(match[1]) * _BYTES[match[2] or "b"]
    if amount < _LEAST_MEMORY:
        raise FormError("is too small")
    return amount


def render_memory(amount: int) -> str:
    """Write an amount of memory in the largest unit that keeps it whole."""
    unit = next(unit for unit in ("g", "m", "k", "b") if amount % _BYTES[unit] == 0)
    return f"{amount // _BYTES[unit]}{unit}"


def parse_mode(text: str) -> int:
    """Read the permission bits of a directory that its owner can use."""
    if not re.fullmatch(r"(0o)?[0-7]{3,4}", text):
        raise FormError("is not an octal mode")
    mode = int(text, base=8)
    if mode & 0o700 != 0o700:  # noqa: PLR2004 - a mode reads best in octal
        raise FormError("leaves the owner without access")
    return mode


def parse_listen_address(text: str) -> Address:
    """Read host and port to listen on; without a host it is every interface."""
    host, port = _split_address(text)
    if host and not _is_host(host):
        raise FormError("has a host that is neither a name nor an IP address")
    return Address(host, port)


def parse_address(text: str) -> Address:
    """Read host and port of another service."""
    host, port = _split_address(text)
    if not _is_host(host) or port == 0:
        raise FormError("names no host or no port")
    return Address(host, port)


def _split_address(text: str) -> tuple[str, int]:
    if "://" in text:
        raise FormError("has a scheme")
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*)):([0-9]{1,5})", text)
    if match is None or int(match[3]) > _HIGHEST_PORT:
        raise FormError("is not host:port")
    return match[1] or match[2] or "", int(match[3])


def _is_host(host: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", host) is not None or (
        ":" in host
    )


def parse_docker_host(text: str) -> str:
    """Read where the Docker engine listens."""
    if re.fullmatch(r"unix:///\S+", text):
        return text
    if re.fullmatch(r"(tcp|http|https)://[^\s/@]+:[0-9]{1,5}", text):
        return text
    raise FormError("is no address of a Docker engine")


def parse_network(text: str) -> str:
    """Read the name of a user-defined network: only there do containers find each other by name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", text):
        raise FormError("is not a Docker network name")
    if text in {"bridge", "host", "none", "default"}:
        raise FormError("is one of Docker's own networks, on which containers have no names")
    return text


def parse_directory(text: str) -> Path:
    """Read an absolute path below the root directory that needs no resolving."""
    path = Path(text)
    if not text.isprintable() or not path.is_absolute():
        raise FormError("is not an absolute path")
    if path == Path("/") or ".." in path.parts:
        raise FormError("is the root directory or contains ..")
    return path


def matching(pattern: str, fault: str, accepted: str) -> Form:
    """Return the form of a text that a regular expression describes."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise FormError(fault)
        return text

    return Form(accepted, parse)


def one_of(*choices: str) -> Form:
    """Return the form of a closed set of words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise FormError("is not one of the choices")
        return text.lower()

    return Form(f"one of {', '.join(choices)}", parse)


def parse_switch(text: str) -> bool:
    """Read yes or no."""
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise FormError("is neither true nor false")
