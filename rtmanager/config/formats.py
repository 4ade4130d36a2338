"""The formats of settings: a type for each kind, with its limits and its description.

No error repeats a value, which may be a secret in the wrong variable.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NewType

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
)
from pydantic_core import PydanticCustomError

from rtmanager.config.postgres_dsn import NOT_ACCEPTED, mask_postgres_dsn, read_postgres_dsn
from rtmanager.domain.allowed_images import ImagePattern
from rtmanager.domain.container import (
    LEAST_CPU_QUOTA,
    LEAST_MEMORY,
    parse_memory,
    render_memory,
)
from rtmanager.domain.operations.container_spec import PullPolicy as DomainPullPolicy

Seconds = NewType("Seconds", float)
"""A duration in seconds."""

_DURATION_UNITS = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_YEAR = 8760 * 3600
_MAX_PORT = 65_535
_MAX_NUMBER = 2**31 - 1
_MAX_OWNER = 2**32 - 2
_MAX_DAYS = 36_500
"""A century: a time further back than the year 1 does not exist."""


@dataclass(frozen=True)
class Accepted:
    """What an operator may write, described in words."""

    words: str


@dataclass(frozen=True)
class Address:
    """A host and a port; an empty host means every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _refusal(problem: str) -> PydanticCustomError:
    return PydanticCustomError(NOT_ACCEPTED, problem)


def parse_duration(text: str) -> Seconds:
    """Read a duration such as `30s`; only 0 needs no unit."""
    if text == "0":
        return Seconds(0.0)
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h)", text)
    if match is None:
        raise _refusal("is not a duration")
    return Seconds(float(Decimal(match[1]) * _DURATION_UNITS[match[2]]))


def render_duration(seconds: Seconds) -> str:
    """Write a duration in the largest unit that keeps it a whole number."""
    exact = Decimal(repr(seconds))
    if not exact:
        return "0"
    unit = next((unit for unit, size in _DURATION_UNITS.items() if exact % size == 0), "ms")
    return f"{(exact / _DURATION_UNITS[unit]).normalize():f}{unit}"


def _mode(text: str) -> int:
    if not re.fullmatch("(0o)?[0-7]?7[0-7]{2}", text):
        raise _refusal("is not an octal mode that leaves the owner all access")
    return int(text, base=8)


def _address(text: str) -> Address:
    host = r"\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)?"
    match = re.fullmatch(rf"(?:{host}):([0-9]{{1,5}})", text)
    if match is None or int(match[3]) > _MAX_PORT:
        raise _refusal("is not host:port")
    return Address(match[1] or match[2] or "", int(match[3]))


def _complete(address: Address) -> Address:
    if not address.host or not address.port:
        raise _refusal("has no host or no port")
    return address


def _digits(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _refusal("is not a whole number")
    return text


def _decimal(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text):
        raise _refusal("is not a decimal number")
    return text


def _user_defined(network: str) -> str:
    if network in {"bridge", "host", "none", "default"}:
        raise _refusal("is one of Docker's own networks, on which containers have no names")
    return network


def _listed(text: str) -> tuple[str, ...]:
    """Read a list separated by commas; one without an entry must not count as unset."""
    entries = tuple(filter(None, map(str.strip, text.split(","))))
    if text and not entries:
        raise _refusal("is a list without an entry")
    return entries


def _command(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise _refusal("has a quotation mark that is not closed") from None
    if not words or not words[0].startswith("/"):
        raise _refusal("does not begin with the absolute path of a program")
    return words


def _each(is_accepted: Callable[[str], object], wanted: str) -> AfterValidator:
    """Refuse a list by the number of its first wrong entry, which may be long or a secret."""

    def check(entries: tuple[str, ...]) -> tuple[str, ...]:
        for number, entry in enumerate(entries, 1):
            if not is_accepted(entry):
                raise _refusal(f"is wrong: entry {number} is not {wanted}")
        return entries

    return AfterValidator(check)


def _lowered(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str.lower, names))


def _image_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for number, pattern in enumerate(patterns, 1):
        try:
            ImagePattern.parse(pattern)
        except ValueError as error:
            raise _refusal(f"is wrong: entry {number} {error}") from None
    return patterns


def _below_root(path: Path) -> Path:
    if not str(path).isprintable() or not path.is_absolute():
        raise _refusal("is not an absolute path")
    if path == Path("/") or ".." in path.parts:
        raise _refusal("is the root directory or contains ..")
    return path


# A type derived from another has its own description last, and the last one is used.
_A_DURATION = "a number and its unit (ms, s, m, h), such as 250ms, 30s, 5m or 1h, at most 8760h"
Duration = Annotated[
    Seconds,
    BeforeValidator(parse_duration),
    Field(ge=0, le=_YEAR),
    PlainSerializer(render_duration),
    Accepted(f"{_A_DURATION}; 0 is allowed"),
]
PositiveDuration = Annotated[Duration, Field(gt=0), Accepted(f"{_A_DURATION}, more than 0")]
_PlainNumber = Annotated[int, BeforeValidator(_digits)]
WholeNumber = Annotated[
    _PlainNumber, Field(ge=0, le=_MAX_NUMBER), Accepted(f"a whole number from 0 to {_MAX_NUMBER}")
]
Count = Annotated[WholeNumber, Field(ge=1), Accepted(f"a whole number from 1 to {_MAX_NUMBER}")]
Days = Annotated[Count, Field(le=_MAX_DAYS), Accepted(f"a whole number from 1 to {_MAX_DAYS}")]
OwnerId = Annotated[
    _PlainNumber, Field(ge=0, le=_MAX_OWNER), Accepted(f"a whole number from 0 to {_MAX_OWNER}")
]
CpuQuota = Annotated[
    float,
    BeforeValidator(_decimal),
    Field(ge=LEAST_CPU_QUOTA, lt=1_000_000),
    Accepted("a number of CPUs from 0.01, such as 1.5"),
]
Memory = Annotated[
    int,
    BeforeValidator(parse_memory),
    Field(ge=LEAST_MEMORY),
    PlainSerializer(render_memory),
    Accepted("at least 6m: a number and b, k, m or g"),
]
Switch = Annotated[bool, Accepted("true or false")]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)]
LogFormat = Annotated[Literal["json", "console"], BeforeValidator(str.lower)]
PullPolicy = Annotated[DomainPullPolicy, BeforeValidator(str.lower)]
StreamName = Annotated[str, Field(pattern=r"^[!-~]{1,200}$"), Accepted("a Redis key")]
UserName = Annotated[str, Field(pattern=r"^[!-~]{1,200}$"), Accepted("a name without spaces")]
Secret = Annotated[SecretStr, Accepted("any text that is not empty")]
VariableName = Annotated[
    str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$"), Accepted("letters, digits and underscores")
]
NetworkName = Annotated[
    str,
    Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"),
    AfterValidator(_user_defined),
    Accepted("the name of a user-defined Docker network"),
]
_DOCKER_HOST = r"(unix:///[^\s,]+|(tcp|http|https)://[^\s/@,]+:[0-9]{1,5})"
DockerHosts = Annotated[
    str,
    Field(pattern=rf"^{_DOCKER_HOST}(,{_DOCKER_HOST})*$"),
    Accepted(
        "unix:///path, tcp://host:port or https://host:port; of a Swarm several, "
        "separated by commas"
    ),
]
Platform = Annotated[Literal["docker", "swarm"], BeforeValidator(str.lower)]
Constraints = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    _each(re.compile(r"[A-Za-z][\w.-]*\s*(==|!=)\s*[\w.:/-]+").fullmatch, "a constraint"),
    PlainSerializer(",".join),
    Accepted("constraints such as node.labels.games==yes, separated by commas"),
]
NodeLabels = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    _each(re.compile(r"(node|engine)\.labels\.[\w.-]+").fullmatch, "a node's label"),
    PlainSerializer(",".join),
    Accepted("labels such as node.labels.rack, separated by commas"),
]
Share = Annotated[
    float,
    BeforeValidator(_decimal),
    Field(ge=0, le=1),
    Accepted("a share from 0 to 1, such as 0.1"),
]
Command = Annotated[
    tuple[str, ...],
    BeforeValidator(_command),
    PlainSerializer(shlex.join),
    Accepted("a program's absolute path with arguments, quoted as in a shell"),
]
ListenAddress = Annotated[
    Address, PlainValidator(_address), PlainSerializer(str), Accepted(":port or host:port")
]
ServiceAddress = Annotated[
    ListenAddress, AfterValidator(_complete), Accepted("host:port, no scheme")
]
Directory = Annotated[
    Path, AfterValidator(_below_root), Accepted("an absolute path such as /srv/galaxy")
]
File = Annotated[Path, AfterValidator(_below_root), Accepted("an absolute path of a file")]
HostNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    AfterValidator(_lowered),
    _each(re.compile(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?").fullmatch, "a host name"),
    PlainSerializer(",".join),
    Accepted("host names separated by commas, no scheme and no port"),
]
Origins = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    _each(re.compile(r"https?://[a-z0-9\[\]:._-]+").fullmatch, "an origin"),
    PlainSerializer(",".join),
    Accepted("origins such as https://ops.example.org, separated by commas, in lower case"),
]
ImagePatterns = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    AfterValidator(_image_patterns),
    PlainSerializer(",".join),
    Accepted(
        "patterns separated by commas, such as registry.example.org/galaxy/*, galaxy/game:1.4.* or "
        "galaxy/game@sha256:DIGEST, without a * in the host"
    ),
]
RuntimeName = Annotated[
    str,
    Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"),
    Accepted("letters, digits, dots, dashes, underscores, such as runsc; `docker info` lists them"),
]
DirectoryMode = Annotated[
    int,
    PlainValidator(_mode),
    PlainSerializer(lambda mode: f"{mode:04o}"),
    Accepted("octal such as 0750"),
]
PostgresDsn = Annotated[
    SecretStr,
    AfterValidator(read_postgres_dsn),
    PlainSerializer(mask_postgres_dsn),
    Accepted("postgresql://user:password@host:5432/database or a libpq connection string"),
]
