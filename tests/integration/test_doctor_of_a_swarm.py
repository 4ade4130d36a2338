"""What doctor finds on a real Swarm, on a Docker without one, and of the shared state root."""

from pathlib import Path

from rtmanager.adapters.postgres.migrate import installation_id
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.state_token import PostgresStateToken
from rtmanager.bootstrap.doctor import Finding, Severity
from rtmanager.bootstrap.doctor.docker import check_docker
from rtmanager.bootstrap.doctor.state_root import check_state_root
from rtmanager.config import Settings
from tests.support.swarm import SwarmNetwork


def settings(**changes: object) -> Settings:
    """Return settings of a Swarm."""
    given = {
        "PLATFORM": "swarm",
        "POSTGRES_PRIMARY_DSN": "postgresql://rtm@127.0.0.1:9/galaxy",
        "REDIS_MASTER_ADDR": "127.0.0.1:9",
        "GAME_STATE_ROOT": "/srv/galaxy",
        **changes,
    }
    return Settings.from_environment({f"RTMANAGER_{name}": str(given[name]) for name in given})


async def on(found: Settings) -> dict[str, Finding]:
    """Return the last finding of each check of the managers."""
    return {each.check: each async for each in check_docker(found)}


async def test_real_swarm_is_described(swarm_network: SwarmNetwork) -> None:
    """Its manager answers, its node is ready, and the network is as the service needs it."""
    address = swarm_network.swarm.node.docker_host
    found = await on(settings(DOCKER_HOST=address, DOCKER_NETWORK=swarm_network.name))

    assert [found[each].severity for each in ("swarm", "clock", "nodes")] == [Severity.OK] * 3
    assert "there is 1 manager" in found["managers"].text
    assert found["network"].severity is not Severity.FAULT
    assert found["privileges"].severity is Severity.WARNING


async def test_network_that_is_missing_on_a_real_swarm_is_found(
    swarm_network: SwarmNetwork,
) -> None:
    """A name that only begins so is another network."""
    name = swarm_network.name[:-1]
    address = swarm_network.swarm.node.docker_host
    found = await on(settings(DOCKER_HOST=address, DOCKER_NETWORK=name))

    assert found["network"].severity is Severity.FAULT
    assert "does not exist" in found["network"].text


async def test_docker_without_a_swarm_says_how_to_make_one(docker_host: str) -> None:
    """It answers, but is no manager of anything."""
    found = await on(settings(DOCKER_HOST=docker_host))

    assert found["swarm"].severity is Severity.FAULT
    assert "docker swarm init" in found["swarm"].remedy
    assert "nodes" not in found


async def test_state_root_of_a_swarm_has_its_marker(database_dsn: str, tmp_path: Path) -> None:
    """Before the first start there is none; then it has to be there."""

    async def shared() -> Finding:
        given = settings(POSTGRES_PRIMARY_DSN=database_dsn, GAME_STATE_ROOT=tmp_path)
        return [each async for each in check_state_root(given)][-1]

    fresh = await shared()
    pool = PostgresPool(database_dsn, size=1)
    await pool.open()
    try:
        await installation_id(pool)
        await PostgresStateToken(pool).claim("0123456789abcdef")
    finally:
        await pool.close()
    missing = await shared()
    (tmp_path / ".galaxy-state-0123456789abcdef").touch()
    there = await shared()

    severities = [each.severity for each in (fresh, missing, there)]
    assert severities == [Severity.OK, Severity.FAULT, Severity.OK]
    assert "no marker yet" in fresh.text
    assert "mount that storage there" in missing.remedy
