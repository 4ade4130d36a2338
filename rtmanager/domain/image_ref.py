"""Docker image references and the patch-only rule of the contract."""

import re
from dataclasses import dataclass
from typing import Self

from semantic_version import Version

from rtmanager.domain.errors import ImageRefNotSemver, SemverPatchOnly, StartConfigInvalid
from rtmanager.domain.texts import quoted

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}))?"
)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}|sha256([:@].*)?")
_NAME_LIMIT = 255
_LONGEST = _NAME_LIMIT + len(":") + 128 + len("@sha256:") + 64
"""More than this is not even matched: a caller may send any number of characters."""
_DEFAULT_HOST = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A parsed Docker image reference.

    The grammar is that of Docker's distribution reference: `[host[:port]/]path[:tag][@digest]`. An
    image id is none, although Docker accepts one: it would run any image that is on the host.
    """

    text: str
    name: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `text`; raise StartConfigInvalid when it does not name an image."""
        match = _REFERENCE.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None or len(match["name"]) > _NAME_LIMIT or _IMAGE_ID.fullmatch(text):
            raise StartConfigInvalid(
                f"image_ref {quoted(text)} is not a Docker image reference; expected "
                "[host[:port]/]path[:tag][@sha256:digest], the path in lower case, and no image id"
            )
        return cls(text, match["name"], match["tag"], match["digest"])

    @property
    def host(self) -> str:
        """The registry, with its port."""
        return split_name(self.name)[0]

    @property
    def repository(self) -> str:
        """The host and the complete path, which Docker never takes for an image id."""
        return "/".join(split_name(self.name))

    @property
    def normalized(self) -> str:
        """The one spelling that all references to the same image share."""
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag or 'latest'}"

    def same_image_as(self, other: "ImageRef") -> bool:
        """Return whether both references name the same image, however they are spelled."""
        return self.normalized == other.normalized


def split_name(name: str) -> tuple[str, str]:
    """Return the host and the path of a name, both completed as Docker does."""
    host, slash, path = name.partition("/")
    if not slash or not (host == "localhost" or set(".:") & set(host) or host != host.lower()):
        host, path = _DEFAULT_HOST, name
    if host in {_DEFAULT_HOST, "index.docker.io"}:
        host, path = _DEFAULT_HOST, path if "/" in path else f"library/{path}"
    return host, path


def names_image(text: str, wanted: ImageRef) -> bool:
    """Return whether a stored text names this image; another release may have stored anything."""
    try:
        return ImageRef.parse(text).same_image_as(wanted)
    except StartConfigInvalid:
        return False


def check_patch(current: str, wanted: str) -> None:
    """Raise unless `wanted` is a patch level of the same major and minor line as `current`.

    Lower patch levels are allowed, for downgrades. A leading `v` is fine. Raises ImageRefNotSemver
    when either tag is not a strict version, SemverPatchOnly when the line differs.
    """
    was, will = _version_of(current), _version_of(wanted)
    if (was.major, was.minor) != (will.major, will.minor):
        raise SemverPatchOnly(
            f"cannot patch from {was} to {will}: only patch levels of "
            f"{was.major}.{was.minor} are allowed"
        )


def _version_of(text: str) -> Version:
    try:
        tag = ImageRef.parse(text).tag
    except StartConfigInvalid as error:
        raise ImageRefNotSemver(error.message) from error
    if tag is None:
        raise ImageRefNotSemver(f"image_ref {quoted(text)} has no tag; it needs a semantic version")
    try:
        return Version(tag.removeprefix("v"))
    except ValueError as error:
        raise ImageRefNotSemver(
            f"tag {tag!r} of image_ref {quoted(text)} is not a semantic version such as 1.4.7"
        ) from error
