"""The files that settings name, read as the service does when it starts.

Nothing is connected to, and no client is imported, so that `rtmanager check-config` stays quick.
"""

import ssl
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path

from rtmanager.config import Fault, Settings

_CERTIFICATES = "a file of certificates in PEM format"
_KEY = "a private key in PEM format, without a password"
_CERTIFICATE = f"a certificate of the key, in PEM format; the key is {_KEY}"
_DIRECTORY = "a directory with ca.pem, cert.pem and key.pem"


def file_faults(settings: Settings) -> Iterator[Fault]:
    """Find files that the service could not use; secrets in files are read with the settings."""
    yield from _tokens(settings.api_tokens_file)
    yield from _redis(settings)
    yield from _docker(settings.docker_cert_path)


def _tokens(path: Path | None) -> Iterator[Fault]:
    if path is None:
        return
    # Imported only if needed: all handlers come with it, which takes seconds.
    from rtmanager.handlers.api_tokens import (  # noqa: PLC0415
        TokensFileError,
        check_tokens_file,
    )

    try:
        check_tokens_file(path)
    except TokensFileError as error:
        accepted = "a file of lines as `rtmanager token` prints them"
        yield _fault("API_TOKENS_FILE", path, error, accepted)


def _redis(settings: Settings) -> Iterator[Fault]:
    authority, certificate, key = (
        settings.redis_tls_ca_file,
        settings.redis_tls_cert_file,
        settings.redis_tls_key_file,
    )
    if authority is not None:
        yield from _unusable("REDIS_TLS_CA_FILE", authority, _trust, _CERTIFICATES)
    if certificate is not None and key is not None:
        # A key that cannot be read is not the certificate's fault as well.
        both = chain(
            _unusable("REDIS_TLS_KEY_FILE", key, _open, _KEY),
            _unusable("REDIS_TLS_CERT_FILE", certificate, partial(_identify, key), _CERTIFICATE),
        )
        yield from islice(both, 1)


def _docker(directory: Path | None) -> Iterator[Fault]:
    if directory is None:
        return
    authority, certificate, key = (directory / name for name in ("ca.pem", "cert.pem", "key.pem"))
    reads = ((authority, _trust), (key, _open), (certificate, partial(_identify, key)))
    faults = (_unusable("DOCKER_CERT_PATH", file, read, _DIRECTORY) for file, read in reads)
    yield from islice(chain.from_iterable(faults), 1)


def _unusable(
    setting: str, path: Path, read: Callable[[Path], None], accepted: str
) -> Iterator[Fault]:
    try:
        read(path)
    except OSError as error:
        yield _fault(setting, path, error.strerror or error, accepted)


def _fault(setting: str, path: Path, reason: object, accepted: str) -> Fault:
    problem = f"names {path}, which cannot be used: {reason}"
    return Fault(f"RTMANAGER_{setting}", problem, accepted)


def _open(path: Path) -> None:
    path.open("rb").close()


def _trust(authority: Path) -> None:
    ssl.create_default_context(cafile=authority)


def _identify(key: Path, certificate: Path) -> None:
    # With a password nobody is asked for one on a terminal.
    ssl.create_default_context().load_cert_chain(certificate, key, password="")
