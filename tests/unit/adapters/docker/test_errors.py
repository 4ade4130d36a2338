import pytest
from docker.errors import APIError
from requests import Response

from rtmanager.adapters.docker.errors import (
    RemovalInProgress,
    pull_failed,
    refused,
    start_refused,
)
from rtmanager.domain.ports.container_host import (
    ContainerNameInUse,
    ContainerRuns,
    HostRefused,
    PullFault,
)

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


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("manifest for r.test/a:1 not found: manifest unknown", PullFault.UNKNOWN_IMAGE),
        (
            "pull access denied for a, repository does not exist or may require 'docker login'",
            PullFault.UNKNOWN_IMAGE,
        ),
        ('Head "http://r.test/v2/a": no basic auth credentials', PullFault.REFUSED),
        ("unauthorized: authentication required", PullFault.REFUSED),
        ("toomanyrequests: You have reached your pull rate limit", PullFault.TOO_MANY),
        ('Get "https://r.test/v2/": x509: certificate signed by unknown', PullFault.NOT_TRUSTED),
        ("http: server gave HTTP response to HTTPS client", PullFault.NOT_TRUSTED),
        ("dial tcp 10.0.0.1:443: connect: connection refused", PullFault.UNREACHABLE),
        ("dial tcp: lookup r.test on 10.0.0.2:53: no such host", PullFault.UNREACHABLE),
        ("net/http: request canceled (Client.Timeout exceeded)", PullFault.NO_ANSWER),
        ("write /var/lib/docker/tmp/1: no space left on device", PullFault.NO_SPACE),
        ("received unexpected HTTP status: 500 Internal Server Error", PullFault.OTHER),
        ("root:x:0:0:root:/root:/bin/sh", PullFault.OTHER),
    ],
)
def test_callers_learn_the_kind_of_a_failed_pull_only(answer: str, fault: PullFault) -> None:
    """Docker's message quotes the registry, so it is the detail, which no caller sees."""
    failed = pull_failed(answer)

    assert (failed.message, failed.detail) == (fault, answer)


def test_the_message_is_bounded_and_printable() -> None:
    """Docker quotes an image's command in its refusals, and an image may have any command."""
    response = Response()
    response.status_code = 400
    words = f"exec: \x1b[31m{'x' * 100_000}\n: not found"

    message = str(start_refused(APIError("refused", response=response, explanation=words)))

    assert message.isprintable()
    assert message.startswith("exec: \\x1b[31mxxx")
    assert len(message) < 1100
