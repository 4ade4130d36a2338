"""Postgres: it answers, is the primary, and has this release's schema."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from rtmanager.adapters.postgres.checkup import PostgresFacts, postgres_facts
from rtmanager.bootstrap.advice import postgres_advice
from rtmanager.bootstrap.connections import postgres_dsn
from rtmanager.bootstrap.doctor.clocks import check_clock
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.config import Settings
from rtmanager.domain.errors import RuntimeManagerError

_OTHER_CONNECTIONS = 10
"""What a process needs beside its pool, and what others should have left."""


async def check_postgres(settings: Settings) -> AsyncIterator[Finding]:
    """Ask Postgres."""
    asked = datetime.now(UTC)
    try:
        facts = await postgres_facts(postgres_dsn(settings))
    except RuntimeManagerError as error:
        yield Finding.fault("postgres", error.message.rstrip("."), postgres_advice(error))
        return
    if facts.is_standby:
        remedy = "name the primary in RTMANAGER_POSTGRES_PRIMARY_DSN"
        yield Finding.fault("postgres", "this is a standby, which cannot be written", remedy)
    yield Finding.ok("postgres", f"version {facts.version} answers")
    yield _schema(facts)
    needed = settings.postgres_pool_size + _OTHER_CONNECTIONS
    if facts.max_connections < needed:
        text = f"max_connections is {facts.max_connections}, a process may need {needed}"
        remedy = "raise max_connections, or lower RTMANAGER_POSTGRES_POOL_SIZE"
        yield Finding.warning("postgres", text, remedy)
    yield check_clock("Postgres", facts.time, asked)


def _schema(facts: PostgresFacts) -> Finding:
    if facts.applied is None:
        text = f"schema {facts.schema} has no tables of the service that this user may read"
        remedy = "`rtmanager migrate`, or the first start, makes them"
        return Finding.warning("postgres", text, remedy)
    text = f"schema {facts.schema} has version {facts.applied}"
    if facts.applied < facts.newest:
        remedy = f"`rtmanager migrate`, or the next start, brings it to version {facts.newest}"
        return Finding.warning("postgres", f"{text}, this release has {facts.newest}", remedy)
    if facts.applied > facts.newest:
        remedy = "update this process once the roll-out goes on"
        return Finding.warning("postgres", f"{text}, of a later release than this one", remedy)
    return Finding.ok("postgres", f"{text}, which is up to date")
