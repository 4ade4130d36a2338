"""The images that the operator allows, as patterns of their normalised names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.image_ref import HOST, ImageRef, split_name
from rtmanager.domain.texts import quoted

SETTING = "RTMANAGER_ALLOWED_IMAGES"

_SHOWN_PATTERNS = 3
_COMPONENT = r"[a-z0-9*]+(?:(?:\.|_|__|-+)[a-z0-9*]+)*"
_PATTERN = re.compile(
    rf"(?P<name>(?:{HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_.*-]{1,128})|@(?P<digest>sha256:[a-f0-9]{64}))?"
)


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """A pattern of image names: `[host[:port]/]path[:tag]` or `[host[:port]/]path@digest`.

    It is completed as references are: `galaxy/*` means `docker.io/galaxy/*`. A `*` stands for any
    characters within one component of the path or within the tag; as the whole last component it
    stands for all that follows. What looks like more than that is refused: `**`, a `*` in front,
    where others expect any host, and a first part in upper case, which Docker takes for a host.
    Without a tag or digest, every one matches. With a tag, references by digest do not match, since
    the digest decides what runs.
    """

    text: str
    host: str
    path: tuple[str, ...]
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `text`; raise ValueError when it is no pattern."""
        match = _PATTERN.fullmatch(text)
        if match is None or match["name"] == "*":
            raise ValueError("is not a pattern of image names")
        if "**" in text:
            raise ValueError("has **; one * as the last part stands for all that follows")
        host, path = split_name(match["name"])
        _check_beginning(match["name"], host)
        if match["name"].endswith("docker.io/*"):
            path = "*"  # all of that registry; no reference is completed there like this
        return cls(text, host, tuple(path.split("/")), match["tag"], match["digest"])

    def matches(self, image: ImageRef) -> bool:
        """Return whether the image has a name of this pattern."""
        host, path = split_name(image.name)
        return host == self.host and self._has_path(path) and self._has_version(image)

    def _has_path(self, path: str) -> bool:
        splits = len(self.path) - 1 if self.path[-1] == "*" else -1
        parts = path.split("/", splits)
        return len(parts) == len(self.path) and all(map(fnmatchcase, parts, self.path))

    def _has_version(self, image: ImageRef) -> bool:
        if self.digest is not None:
            return image.digest == self.digest
        if self.tag is not None:
            return image.digest is None and fnmatchcase(image.tag or "latest", self.tag)
        return True


def _check_beginning(name: str, host: str) -> None:
    """Raise ValueError when a pattern would be compared with another host than it seems."""
    if "*" in host:
        raise ValueError("has a * in the registry's host")
    if name.startswith("*/"):
        raise ValueError("begins with a *, which stands for no host; begin it with docker.io/*/")
    if host != host.lower() and not set(".:") & set(host):
        raise ValueError("begins in upper case, which Docker takes for the registry's host")


@dataclass(frozen=True, slots=True)
class AllowedImages:
    """The patterns of the images that may run; none means all images."""

    patterns: tuple[ImagePattern, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Parse each pattern; raise ValueError when one is malformed."""
        return cls(tuple(ImagePattern.parse(text) for text in texts))

    def check(self, text: str | None) -> None:
        """Raise StartConfigInvalid unless the image of this reference may run.

        With any pattern, a reference that is malformed or unknown is refused too.
        """
        if not self.patterns:
            return
        if text is None:
            raise StartConfigInvalid(f"the image is unknown, and {SETTING} does not allow all")
        image = ImageRef.parse(text)
        if not any(pattern.matches(image) for pattern in self.patterns):
            raise StartConfigInvalid(
                f"image_ref {quoted(text)} is not allowed; {SETTING} allows {self._shown()}"
            )

    def _shown(self) -> str:
        shown = ", ".join(each.text for each in self.patterns[:_SHOWN_PATTERNS])
        more = len(self.patterns) - _SHOWN_PATTERNS
        return f"{shown} and {more} more" if more > 0 else shown


ALL_IMAGES = AllowedImages()
