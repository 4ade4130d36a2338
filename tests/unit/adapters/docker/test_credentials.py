import json
from pathlib import Path

import pytest

from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.domain.image_ref import ImageRef

HUB, OURS = ({"auth": auth} for auth in ("aHViOjE=", "b3VyczoyOg=="))


@pytest.fixture
def credentials(tmp_path: Path) -> RegistryCredentials:
    """Return the credentials of two registries."""
    path = tmp_path / "config.json"
    auths = {"https://index.docker.io/v1/": HUB, "reg.test:5000": OURS}
    path.write_text(json.dumps({"auths": auths}))
    return RegistryCredentials(str(path))


@pytest.mark.parametrize(
    ("reference", "user"),
    [
        ("game:1", "hub"),
        ("galaxy/game:1", "hub"),
        ("index.docker.io/galaxy/game:1", "hub"),
        ("reg.test:5000/game:1", "ours"),
        ("reg.test/game:1", None),
        ("reg.test:5001/game:1", None),
        ("reg.test.evil.test:5000/game:1", None),
        ("evil.test/reg.test/game:1", None),
        ("Evil/game:1", None),
    ],
)
def test_a_registry_gets_its_own_credentials_only(
    credentials: RegistryCredentials, reference: str, user: str | None
) -> None:
    """What counts is the host that Docker asks; for the SDK an upper-case host is Docker Hub."""
    found = credentials.for_registry(ImageRef.parse(reference).host)

    assert found.get("username") == user
