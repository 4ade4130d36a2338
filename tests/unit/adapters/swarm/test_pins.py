"""By which name every node finds an image."""

import pytest

from rtmanager.adapters.swarm.pinned_images import pin

ID = f"sha256:{'1' * 64}"
OURS = f"registry.test:5000/galaxy/game@sha256:{'2' * 64}"
MIRROR = f"mirror.test/galaxy/game@sha256:{'2' * 64}"
ON_HUB = f"galaxy/game@sha256:{'3' * 64}"


@pytest.mark.parametrize(
    ("asked", "digests", "pinned"),
    [
        ("registry.test:5000/galaxy/game:1.0.0", [MIRROR, OURS], OURS),
        ("mirror.test/galaxy/game:1.0.0", [MIRROR, OURS], MIRROR),
        ("docker.io/galaxy/game:1.0.0", [OURS, ON_HUB], ON_HUB),
        (OURS, [MIRROR, OURS], OURS),
        ("other.test/game:1.0.0", [OURS], OURS),
        ("galaxy/game:1.0.0", [], ID),
        (ID, [], ID),
        (ID, [OURS], OURS),
    ],
)
def test_the_digest_of_the_repository_that_was_asked_for(
    asked: str, digests: list[str], pinned: str
) -> None:
    """Else any digest; an image that no registry has is found by its id where it is."""
    assert pin({"Id": ID, "RepoDigests": digests}, asked) == pinned
