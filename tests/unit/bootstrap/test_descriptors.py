"""The files that the service needs for itself."""

import pytest

from rtmanager.bootstrap.descriptors import OTHERS, reserved_descriptors
from rtmanager.config import Settings


@pytest.mark.parametrize("pool", [10, 40])
def test_every_pool_is_reserved(pool: int) -> None:
    """Threads for Docker, connections to Postgres and Redis, probes, counts, and some others."""
    settings = Settings.from_environment(
        {
            "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://db/galaxy",
            "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
            "RTMANAGER_GAME_STATE_ROOT": "/srv/games",
            "RTMANAGER_POSTGRES_POOL_SIZE": str(pool),
        }
    )

    assert reserved_descriptors(settings) == 306 + pool + 2 + 50 + 4 + 32 + 2 * 64 + OTHERS
