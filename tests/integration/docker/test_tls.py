"""A Docker over TCP with TLS: a proxy in front of the real one's socket asks for certificates."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.domain.ports.container_host import DockerUnavailable
from tests.support.proxy import Proxy
from tests.support.tls import server_context, tls_in_front_of, write_certificates

OURS, OTHERS = trustme.CA(), trustme.CA()
DEADLINE = 2.0


@pytest.fixture
def socket_path(docker_host: str) -> Path:
    """Return the path of Docker's socket."""
    return Path(docker_host.removeprefix("unix://"))


@pytest.fixture
def port(socket_path: Path) -> Iterator[int]:
    """Return the port of a Docker that lets in whoever has a certificate of our authority."""
    context = server_context(OURS, "127.0.0.1", clients=OURS)
    with tls_in_front_of(socket_path, context) as port:
        yield port


@asynccontextmanager
async def connected(address: str, certificates: Path | None) -> AsyncIterator[DockerClient]:
    """Return a client with a short deadline, closed after the block."""
    client = DockerClient(address, certificates=certificates, timeout=DEADLINE)
    try:
        yield client
    finally:
        await client.aclose()


async def refusal(address: str, certificates: Path | None) -> str:
    """Return the message of the refusal, which must come before the deadline."""
    async with connected(address, certificates) as client:
        with pytest.raises(DockerUnavailable) as refused:
            await client.call(lambda api: api.ping())
    assert "did not answer" not in refused.value.message
    return refused.value.message


@pytest.mark.parametrize("scheme", ["tcp", "https"])
async def test_calls_go_through_tls(port: int, tmp_path: Path, scheme: str) -> None:
    """A tcp:// address with certificates is an https:// one, as for Docker's own client."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    async with connected(f"{scheme}://127.0.0.1:{port}", certificates) as client:
        answer = await client.call(lambda api: api.version())

    assert answer["ApiVersion"]


async def test_events_go_through_tls_too(port: int, tmp_path: Path) -> None:
    """The stream of events has a connection of its own, which can be closed while it waits."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    async with connected(f"tcp://127.0.0.1:{port}", certificates) as client:
        events = DockerContainerEvents(client)
        async with asyncio.timeout(DEADLINE), events.listen(since=None) as stream:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()


async def test_a_daemon_of_another_authority_is_refused(socket_path: Path, tmp_path: Path) -> None:
    """Whoever answers there is not our daemon, and gets no request."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    with tls_in_front_of(socket_path, server_context(OTHERS, "127.0.0.1")) as port:
        message = await refusal(f"tcp://127.0.0.1:{port}", certificates)

    assert "certificate verify failed" in message


async def test_a_certificate_for_another_host_is_refused(socket_path: Path, tmp_path: Path) -> None:
    """A certificate of the authority for another name proves nothing."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    with tls_in_front_of(socket_path, server_context(OURS, "other.example")) as port:
        message = await refusal(f"tcp://127.0.0.1:{port}", certificates)

    assert "not valid for '127.0.0.1'" in message or "doesn't match '127.0.0.1'" in message


async def test_a_certificate_of_ours_that_the_daemon_does_not_accept_is_reported(
    port: int, tmp_path: Path
) -> None:
    """The message is the daemon's alert."""
    certificates = write_certificates(tmp_path / "certs", OURS, of=OTHERS)

    message = await refusal(f"tcp://127.0.0.1:{port}", certificates)

    assert "cannot be reached" in message


async def test_https_without_certificates_verifies_the_daemon(port: int) -> None:
    """Without an authority of its own the public ones count, and ours is not among them."""
    assert "certificate verify failed" in await refusal(f"https://127.0.0.1:{port}", None)


async def test_a_daemon_that_expects_tls_refuses_plain_tcp(port: int) -> None:
    """Without certificates a tcp:// address is not encrypted, so this ends in a clear line."""
    assert "127.0.0.1" in await refusal(f"tcp://127.0.0.1:{port}", None)


async def test_a_daemon_without_tls_is_refused(socket_path: Path, tmp_path: Path) -> None:
    """Nothing is sent in the clear when there are certificates."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    with Proxy(socket_path) as plain:
        message = await refusal(f"tcp://{plain.address}", certificates)

    assert "SSL" in message


async def test_a_silent_server_is_given_up_at_the_deadline(
    socket_path: Path, tmp_path: Path
) -> None:
    """A handshake to which nobody answers has the deadline of every call."""
    certificates = write_certificates(tmp_path / "certs", OURS)

    with Proxy(socket_path) as silent:
        silent.hang()
        async with connected(f"tcp://{silent.address}", certificates) as client:
            with pytest.raises(DockerUnavailable, match="did not answer"):
                await client.call(lambda api: api.ping(), deadline=0.3)


@pytest.mark.parametrize("missing", ["ca.pem", "cert.pem", "key.pem"])
async def test_a_missing_file_is_named(port: int, tmp_path: Path, missing: str) -> None:
    """A wrong directory, or an incomplete one, is reported with the path."""
    certificates = write_certificates(tmp_path / "certs", OURS)
    (certificates / missing).unlink()

    message = await refusal(f"tcp://127.0.0.1:{port}", certificates)

    assert str(certificates / missing) in message
