"""Users, passwords and TLS of a real server; a proxy decrypts where the server cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from redis.asyncio import Redis

from rtmanager.adapters.redis.client import RedisClient, RedisLogin, RedisTls
from rtmanager.adapters.redis.errors import RedisFault, RedisUnavailable
from rtmanager.domain.errors import ServiceUnavailable
from tests.support.tls import server_context, tls_in_front_of, write_certificates

OURS, OTHERS = trustme.CA(), trustme.CA()


def split(address: str) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = address.partition(":")
    return host, int(port)


@asynccontextmanager
async def connected(
    port: int, tls: RedisTls | None, host: str = "127.0.0.1"
) -> AsyncIterator[RedisClient]:
    """Return a client, closed after the block."""
    client = RedisClient(host, port, tls=tls)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def authority(tmp_path: Path) -> str:
    """Return the path of our authority's certificate."""
    OURS.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


async def test_an_encrypted_connection_works(redis_addr: str, authority: str) -> None:
    """Commands and scripts pass through, on any number of connections."""
    context = server_context(OURS, "127.0.0.1")

    with tls_in_front_of(split(redis_addr), context) as port:
        async with connected(port, RedisTls(ca_file=authority)) as client:
            await client.ping()
            answer = await client.commands.eval("return 'encrypted'", 0)

    assert answer == b"encrypted"


async def test_the_service_identifies_itself_with_a_certificate(
    redis_addr: str, tmp_path: Path
) -> None:
    """A server that asks for a certificate gets ours."""
    files = write_certificates(tmp_path / "ours", OURS)
    tls = RedisTls(*(str(files / name) for name in ("ca.pem", "cert.pem", "key.pem")))
    context = server_context(OURS, "127.0.0.1", clients=OURS)

    with tls_in_front_of(split(redis_addr), context) as port:
        async with connected(port, tls) as client:
            await client.ping()


async def test_a_server_of_another_authority_is_refused(redis_addr: str, authority: str) -> None:
    """Only the given authority counts, and the reason is in the message."""
    with tls_in_front_of(split(redis_addr), server_context(OTHERS, "127.0.0.1")) as port:
        async with connected(port, RedisTls(ca_file=authority)) as client:
            with pytest.raises(RedisUnavailable, match=r"certificate.verify.failed") as refused:
                await client.ping()

    assert refused.value.fault is RedisFault.CERTIFICATE


async def test_with_a_given_authority_those_of_the_machine_do_not_count(
    redis_addr: str, authority: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise any public authority could vouch for a server that an attacker put in between."""
    OTHERS.cert_pem.write_to_path(str(tmp_path / "machine.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "machine.pem"))

    with tls_in_front_of(split(redis_addr), server_context(OTHERS, "127.0.0.1")) as port:
        async with connected(port, RedisTls()) as client:
            await client.ping()
        async with connected(port, RedisTls(ca_file=authority)) as client:
            with pytest.raises(ServiceUnavailable, match=r"certificate.verify.failed"):
                await client.ping()


async def test_a_certificate_for_another_host_is_refused(redis_addr: str, authority: str) -> None:
    """A certificate of the authority for another name proves nothing."""
    context = server_context(OURS, "other.example")

    with tls_in_front_of(split(redis_addr), context) as port:
        async with connected(port, RedisTls(ca_file=authority)) as client:
            with pytest.raises(ServiceUnavailable, match=r"not valid for .127\.0\.0\.1"):
                await client.ping()


async def test_a_missing_certificate_of_ours_is_refused_by_the_server(
    redis_addr: str, authority: str
) -> None:
    """The client reports it as an outage and does not wait."""
    context = server_context(OURS, "127.0.0.1", clients=OURS)

    with tls_in_front_of(split(redis_addr), context) as port:
        async with connected(port, RedisTls(ca_file=authority)) as client:
            with pytest.raises(ServiceUnavailable, match="Redis is not available"):
                await client.ping()


async def test_a_server_without_tls_is_refused(redis_addr: str, authority: str) -> None:
    """Nothing is sent in the clear when TLS is expected."""
    _, port = split(redis_addr)

    async with connected(port, RedisTls(ca_file=authority)) as client:
        with pytest.raises(RedisUnavailable, match="Redis is not available") as refused:
            await client.ping()

    # It waits for the rest of what it takes for a command, or answers in the clear.
    assert refused.value.fault in {RedisFault.SILENT, RedisFault.NO_TLS}


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_file_that_cannot_be_used_is_named(
    redis_addr: str, tmp_path: Path, content: str | None
) -> None:
    """A wrong path or file is reported as such when connecting."""
    _, port = split(redis_addr)
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    async with connected(port, RedisTls(ca_file=str(file))) as client:
        with pytest.raises(RedisUnavailable, match=f"{file} cannot be used: ") as refused:
            await client.ping()

    assert refused.value.fault is RedisFault.CA_FILE


async def test_a_key_with_a_password_is_refused_and_nobody_is_asked(
    redis_addr: str, tmp_path: Path
) -> None:
    """A service has no terminal on which to ask."""
    files = write_certificates(tmp_path / "ours", OURS)
    key = load_pem_private_key((files / "key.pem").read_bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (files / "key.pem").write_bytes(sealed)
    tls = RedisTls(*(str(files / name) for name in ("ca.pem", "cert.pem", "key.pem")))

    async with connected(split(redis_addr)[1], tls) as client:
        with pytest.raises(RedisUnavailable, match=r"key\.pem cannot be used: ") as refused:
            await client.ping()

    assert refused.value.fault is RedisFault.KEY_FILES


@pytest.fixture
async def user(redis_addr: str) -> AsyncIterator[str]:
    """Return a user of the server, with the password right-secret."""
    host, port = split(redis_addr)
    admin: Any = Redis(host=host, port=port, protocol=2)
    async with admin:
        await admin.execute_command("ACL", "SETUSER", "someone", "on", ">right-secret", "+ping")
        yield "someone"
        await admin.execute_command("ACL", "DELUSER", "someone")


async def test_a_user_of_the_server_has_its_password(redis_addr: str, user: str) -> None:
    """Username and password are sent together, and a wrong one is refused without it."""
    right, wrong = (
        RedisClient(*split(redis_addr), login=RedisLogin(user, password))
        for password in ("right-secret", "wrong-secret")
    )

    await right.ping()
    with pytest.raises(RedisUnavailable, match="invalid username-password pair") as refused:
        await wrong.ping()
    await right.close()
    await wrong.close()

    assert "secret" not in str(refused.value)
    assert refused.value.fault is RedisFault.LOGIN
