"""`make pin-images`: the digests of the images that we build on and run, renewed in their files."""

import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

FILES = (Path("Dockerfile"), Path("deploy/compose.yaml"))
_PINNED = re.compile(r"(?P<image>[a-z0-9][a-z0-9./_-]*:[A-Za-z0-9._-]+)@sha256:[0-9a-f]{64}")

Resolve = Callable[[str], str]
"""Returns the digest to which the registry resolves a tag now."""


def pinned(text: str, resolve: Resolve) -> str:
    """Return the text with the newest digest of each image that has one."""
    return _PINNED.sub(lambda found: f"{found['image']}@{resolve(found['image'])}", text)


def main() -> None:
    """Renew the digests in every file; change none if a registry does not answer."""
    try:
        with closing(docker.APIClient()) as client:
            renewed = {file: pinned(file.read_text(), _asking(client)) for file in FILES}
    except DockerException as error:
        sys.exit(f"The digests stay as they are: {error}")
    for file, text in renewed.items():
        file.write_text(text)


def _asking(client: Any) -> Resolve:
    def resolve(image: str) -> str:
        digest = str(client.inspect_distribution(image)["Descriptor"]["digest"])
        print(f"{image}@{digest}")  # noqa: T201 - a command's output
        return digest

    return resolve


if __name__ == "__main__":
    main()
