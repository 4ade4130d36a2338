"""What `rtmanager doctor` asks Redis: it tries every command that the service needs.

It writes to keys of its own only, below the prefix of the service's, and deletes them. Of the
streams it reads the length.
"""

from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What a server says; `info` is None if the user may not ask."""

    time: datetime
    denied: tuple[str, ...]
    info: dict[str, Any] | None


async def redis_facts(client: RedisClient, streams: Iterable[str]) -> RedisFacts:
    """Ask the server; raise ServiceUnavailable when it cannot be reached or refuses the login."""
    redis = client.commands
    with redis_errors():
        await redis.ping()
        key = f"rtmanager:doctor:{token_hex(8)}"
        denied = [name for name, command in _commands(redis, key) if await _is_denied(command)]
        denied += [f"key {each}" for each in streams if await _is_denied(redis.xlen(each))]
        seconds, microseconds = await redis.time()
        time = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
        return RedisFacts(time, tuple(denied), await _info(redis))


def _commands(redis: Redis, key: str) -> Iterator[tuple[str, Awaitable[Any]]]:
    """Yield the commands of dev/redis_rights.txt, in an order in which each can succeed."""
    text, scores, stream, group = key, f"{key}:scores", f"{key}:stream", "doctor"
    yield "set", redis.set(text, "x", ex=_SECONDS)
    yield "get", redis.get(text)
    yield "exists", redis.exists(text)
    yield "pexpire", redis.pexpire(text, _SECONDS * 1000)
    yield "eval", redis.eval("return 1", 0)
    yield "zadd", redis.zadd(scores, {"x": 1})
    yield "zscore", redis.zscore(scores, "x")
    yield "zremrangebyrank", redis.zremrangebyrank(scores, 0, -1)
    yield "xadd", redis.xadd(stream, {"x": "1"}, id="1-1")
    yield "xgroup create", redis.xgroup_create(stream, group, id="0")
    yield "xreadgroup", redis.xreadgroup(group, "me", {stream: ">"}, count=1)
    yield "xread", redis.xread({stream: "0"}, count=1)
    yield "xrange", redis.xrange(stream, count=1)
    yield "xlen", redis.xlen(stream)
    yield "xpending", redis.xpending(stream, group)
    yield "xautoclaim", redis.xautoclaim(stream, group, "me", 0, count=1)
    yield "xinfo groups", redis.xinfo_groups(stream)
    yield "xinfo consumers", redis.xinfo_consumers(stream, group)
    yield "xack", redis.xack(stream, group, "1-1")
    yield "xgroup delconsumer", redis.xgroup_delconsumer(stream, group, "me")
    yield "xdel", redis.xdel(stream, "1-1")
    yield "del", redis.delete(text, scores, stream)


async def _is_denied(command: Awaitable[Any]) -> bool:
    try:
        await command
    except NoPermissionError:
        return True
    except ResponseError as error:
        # What follows from a command that was denied before: there is no such group or key.
        if str(error).startswith(("NOGROUP", "no such key", "The XGROUP")):
            return False
        raise
    return False


async def _info(redis: Redis) -> dict[str, Any] | None:
    try:
        return dict(await redis.info())
    except NoPermissionError:
        return None
