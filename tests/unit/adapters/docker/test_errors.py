import pytest
from docker.errors import APIError
from requests import Response

from rtmanager.adapters.docker.errors import RemovalInProgress, refused
from rtmanager.domain.ports.container_host import ContainerNameInUse, ContainerRuns, HostRefused

FORCED = "or force remove"
CONFLICTS = [
    (f"You cannot remove a running container 1. Stop the container before {FORCED}", ContainerRuns),
    (
        f"You cannot remove a paused container 1. Unpause and stop the container before {FORCED}",
        ContainerRuns,
    ),
    (
        f'cannot remove container "/a": container is running: stop the container before {FORCED}',
        ContainerRuns,
    ),
    ("removal of container 1 is already in progress", RemovalInProgress),
    ('Conflict. The container name "/a" is already in use by container "1"', ContainerNameInUse),
    ("container 1 is being used by a snapshot", HostRefused),
]


@pytest.mark.parametrize(("words", "kind"), CONFLICTS)
def test_conflicts_are_distinguished_by_the_message_of_every_docker(
    words: str, kind: type[HostRefused]
) -> None:
    """Every conflict has status 409, so the message decides which one it is."""
    response = Response()
    response.status_code = 409

    translated = refused(APIError("conflict", response=response, explanation=words))

    assert (type(translated), str(translated)) == (kind, words)
