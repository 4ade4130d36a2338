import socket
from typing import Any, NoReturn

import pytest

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.domain.ports.container_host import DockerUnavailable, ImagePullFailed


async def refusal(client: DockerClient) -> DockerUnavailable:
    """Return the error of a pull, which is not the one of a Docker that is silent."""
    try:
        with pytest.raises(DockerUnavailable) as caught:
            await client.pull(lambda api: api.ping())
    finally:
        await client.aclose()
    assert type(caught.value) is DockerUnavailable
    return caught.value


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "https://127.0.0.1:9"])
async def test_a_refused_connection_is_not_a_timeout(address: str) -> None:
    """For urllib3 it is one, but no request has left: nothing can have had an effect."""
    refused = await refusal(DockerClient(address))

    assert refused.message == (
        f"the Docker daemon at {address} cannot be reached: Connection refused"
    )


async def test_a_socket_without_a_listener_is_not_a_timeout(tmp_path: Any) -> None:
    """The same holds for a unix socket."""
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(f"{tmp_path}/docker.sock")

    refused = await refusal(DockerClient(f"unix://{tmp_path}/docker.sock"))

    assert refused.message.endswith("cannot be reached: Connection refused")


async def test_an_unknown_host_is_not_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says that the name is what is wrong."""

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    refused = await refusal(DockerClient("tcp://docker.test:2375"))

    assert refused.message == (
        "the Docker daemon at tcp://docker.test:2375 cannot be reached: the name of the host "
        "cannot be resolved: Name or service not known"
    )


async def test_a_host_that_accepts_no_connection_in_time_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A timeout while connecting stays one: the pull reports that it made no progress."""

    def slow(*_: object, **__: object) -> NoReturn:
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", slow)
    client = DockerClient("tcp://127.0.0.1:9")

    with pytest.raises(ImagePullFailed, match="made no progress"):
        await client.pull(lambda api: api.ping())
    await client.aclose()
