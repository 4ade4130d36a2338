"""Redis: it answers, permits what the service needs, and keeps what it is given."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rtmanager.adapters.redis.checkup import RedisFacts, redis_facts
from rtmanager.bootstrap.advice import redis_advice
from rtmanager.bootstrap.connections import redis_client
from rtmanager.bootstrap.doctor.clocks import check_clock
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.config import Settings
from rtmanager.domain.errors import RuntimeManagerError

_STREAMS = (
    "redis_start_jobs_stream",
    "redis_stop_jobs_stream",
    "redis_job_results_stream",
    "redis_health_events_stream",
    "redis_notification_intents_stream",
    "redis_dead_jobs_stream",
)


async def check_redis(settings: Settings) -> AsyncIterator[Finding]:
    """Ask Redis."""
    client = redis_client(settings)
    asked = datetime.now(UTC)
    try:
        facts = await redis_facts(client, (getattr(settings, each) for each in _STREAMS))
    except RuntimeManagerError as error:
        advice = redis_advice(error, is_encrypted=client.is_encrypted)
        yield Finding.fault("redis", error.message.rstrip("."), advice)
        return
    finally:
        await client.close()
    yield _rights(facts)
    for each in _server(facts.info):
        yield each
    yield check_clock("Redis", facts.time, asked)


def _rights(facts: RedisFacts) -> Finding:
    if facts.denied:
        text = f"the user may not: {', '.join(facts.denied)}"
        remedy = "grant the rights of dev/redis_rights.txt with ACL SETUSER"
        return Finding.fault("redis", text, remedy)
    return Finding.ok("redis", "answers, and permits all that the service needs")


def _server(info: Mapping[str, Any] | None) -> Iterator[Finding]:
    if info is None:
        text = "its policy and persistence cannot be read"
        remedy = "grant +info, or see that maxmemory-policy is noeviction and appendonly yes"
        yield Finding.warning("redis", text, remedy)
        return
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and info.get("maxmemory"):
        remedy = "set maxmemory-policy noeviction: leases and jobs must not disappear"
        yield Finding.fault("redis", f"maxmemory-policy is {policy}", remedy)
    saves = info.get("aof_enabled")
    version = info.get("valkey_version") or info.get("redis_version", "unknown")
    if saves:
        yield Finding.ok("redis", f"version {version}, noeviction, appendonly")
    else:
        remedy = "set appendonly yes: a restart would lose jobs that nobody has read yet"
        yield Finding.warning("redis", f"version {version} keeps no append-only file", remedy)
