from io import BytesIO
from typing import Any

import pytest
from docker.errors import APIError
from requests import Response
from urllib3 import HTTPResponse

from rtmanager.adapters.docker.connection import MAX_API_VERSION, _Client, agree


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


def test_error_of_a_pull_is_read_up_to_a_limit() -> None:
    """Docker repeats a registry's answer, which may be as long as memory lasts."""
    body = BytesIO(b'{"message": "' + b"x" * (1 << 20))
    response = Response()
    response.status_code = 500
    response.raw = HTTPResponse(body=body, status=500, preload_content=False)

    with pytest.raises(APIError) as caught:
        _Client._raise_for_status(object.__new__(_Client), response)  # noqa: SLF001 - the SDK's

    assert len(str(caught.value.explanation)) == 64 * 1024
    assert body.closed


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2375", "https://192.0.2.1:2376"])
def test_a_connection_over_tcp_is_kept_for_every_thread(host: str) -> None:
    """Else each call beyond the tenth at a time connects anew, and says so in the log."""
    client = _Client(host, "1.41", 1.0, 1.0, connections=64)

    adapter: Any = client.get_adapter(client.base_url)

    assert adapter._pool_maxsize == 64  # noqa: SLF001 - requests does not show it
