"""Private Redis-compatible servers."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from redis import Redis

from dev.embedded_redis import start_redis


@pytest.fixture(scope="session")
def new_redis(session_dir: Path) -> Iterator[Callable[[], str]]:
    """Return a function that starts one more empty server and returns its host:port."""
    numbers = itertools.count(1)
    with ExitStack() as running:

        def start() -> str:
            server = start_redis(session_dir / f"redis-{next(numbers)}", durable=False)
            running.callback(server.stop)
            return server.address

        yield start


@pytest.fixture(scope="session")
def _shared_redis_addr(new_redis: Callable[[], str]) -> str:
    return new_redis()


@pytest.fixture
def redis_addr(_shared_redis_addr: str) -> str:
    """Return host:port of a server that was emptied for this test."""
    host, _, port = _shared_redis_addr.partition(":")
    with closing(Redis(host=host, port=int(port))) as client:
        client.flushall()
    return _shared_redis_addr
