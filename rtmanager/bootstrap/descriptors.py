"""How many files the service itself may have open at once."""

from rtmanager.adapters.directory_size import MOST_OPEN
from rtmanager.adapters.docker.client import Bulkhead
from rtmanager.adapters.filesystem import COUNTING_THREADS
from rtmanager.adapters.redis.client import MAX_CONNECTIONS as REDIS_CONNECTIONS
from rtmanager.bootstrap.connections import SINGLES
from rtmanager.config import Settings
from rtmanager.domain.monitoring.probe_engines import ENGINES_AT_ONCE

OTHERS = 64
"""Listener, event loop, leadership, notifications, events, engines at their gate, files, traces."""


def reserved_descriptors(settings: Settings) -> int:
    """Return the largest number of descriptors that are not those of callers."""
    docker = sum(each.value for each in Bulkhead)
    postgres = settings.postgres_pool_size + SINGLES
    servers = docker + postgres + REDIS_CONNECTIONS
    return servers + ENGINES_AT_ONCE + COUNTING_THREADS * MOST_OPEN + OTHERS
