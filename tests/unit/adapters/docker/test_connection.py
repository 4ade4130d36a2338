import pytest

from rtmanager.adapters.docker.connection import MAX_API_VERSION, agree


@pytest.mark.parametrize(
    ("theirs", "agreed"),
    [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", MAX_API_VERSION), ("2.0", MAX_API_VERSION)],
)
def test_the_highest_common_version_is_taken(theirs: str, agreed: str) -> None:
    """Versions are compared numerically."""
    assert agree({"ApiVersion": theirs, "MinAPIVersion": "1.24"}, "host") == agreed


def test_a_daemon_without_a_lowest_version_is_fine() -> None:
    """Podman's answer omits the lowest version."""
    assert agree({"ApiVersion": "1.41"}, "host") == "1.41"
