"""What the adapter needs of images, which the manager that answers has or pulls."""

from collections.abc import Callable
from typing import Protocol

from rtmanager.domain.container import EngineImage, ImageId
from rtmanager.domain.image_ref import ImageRef


class Images(Protocol):
    """Images by what every node can find them by.

    The id of an image is `repository@sha256:…`, which any node can pull, or `sha256:…` of an image
    that no registry has.
    """

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image; None when it is nowhere."""

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image and return it. Raises ImagePullFailed."""

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as."""

    async def credentials(self, image: ImageId) -> str | None:
        """Return what nodes need to pull the image, as Docker's API takes it; None without."""
