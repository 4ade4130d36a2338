import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from rtmanager.adapters.postgres.leadership import ANSWER_SECONDS, PostgresLeadership
from rtmanager.domain.errors import ServiceUnavailable
from tests.contract.ports.contenders import (
    Contenders,
    PostgresContenders,
    leads_within,
    open_contenders,
)

SECONDS = 3.0
SLACK = 1.0
TAKEOVER_SECONDS = 10.0


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the contenders under test; None for those in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def both(dsn: str | None) -> AsyncIterator[Contenders]:
    """Return two contenders."""
    async with open_contenders(dsn) as contenders:
        yield contenders


@pytest.fixture
async def on_postgres(database_dsn: str) -> AsyncIterator[PostgresContenders]:
    """Return two contenders on Postgres."""
    async with open_contenders(database_dsn) as contenders:
        assert isinstance(contenders, PostgresContenders)
        yield contenders


async def test_first_to_campaign_leads(both: Contenders) -> None:
    """The first contender leads and the other stands by."""
    assert await both.here.campaign()
    assert not await both.there.campaign()

    assert (await both.here.confirm(), await both.there.confirm()) == (True, False)


async def test_of_many_that_campaign_at_once_one_leads(both: Contenders) -> None:
    """Of concurrent contenders exactly one leads."""
    won = await asyncio.gather(both.here.campaign(), both.there.campaign())

    assert sorted(won) == [False, True]


async def test_contender_that_never_campaigned_does_not_lead(both: Contenders) -> None:
    """Confirming does not acquire leadership."""
    assert not await both.here.confirm()
    assert await both.there.campaign()


async def test_campaign_of_the_leader_is_a_no_op(both: Contenders) -> None:
    """A leader that campaigns again still leads, and needs to resign only once."""
    await both.here.campaign()

    assert await both.here.campaign()

    await both.here.resign()
    assert await both.there.campaign()


async def test_resignation_lets_the_other_lead_at_once(both: Contenders) -> None:
    """After a resignation the next leader does not have to wait."""
    await both.here.campaign()
    await both.there.campaign()

    await both.here.resign()

    assert await both.there.campaign()
    assert not await both.here.confirm()


async def test_resignation_of_a_follower_is_a_no_op(both: Contenders) -> None:
    """A follower's resignation does not affect the leader."""
    await both.here.campaign()
    await both.there.campaign()

    await both.there.resign()
    await both.there.resign()

    assert await both.here.confirm()


async def test_former_leader_may_lead_again(both: Contenders) -> None:
    """A contender that resigned may campaign again."""
    await both.here.campaign()
    await both.here.resign()

    assert await both.here.campaign()
    assert await both.here.confirm()


async def test_leader_whose_session_was_ended_no_longer_leads(both: Contenders) -> None:
    """It learns of the loss when it confirms, and the other leads within seconds."""
    await both.here.campaign()
    await both.there.campaign()

    await both.end_session()

    assert not await both.here.confirm()
    await leads_within(both.there, SECONDS)
    assert not await both.here.campaign()
    assert not await both.here.confirm()


async def test_leader_that_is_cut_off_no_longer_leads(both: Contenders) -> None:
    """A lost connection releases the claim, as when the process is killed."""
    await both.here.campaign()

    both.go_away()

    assert not await both.here.confirm()
    await leads_within(both.there, SECONDS)


async def test_leader_that_was_cut_off_may_lead_again(both: Contenders) -> None:
    """A contender may lead again after an outage, without a restart."""
    await both.here.campaign()
    both.go_away()
    assert not await both.here.confirm()
    both.come_back()

    await leads_within(both.here, SECONDS)
    assert await both.here.confirm()


async def test_campaign_without_the_store_raises_service_unavailable(both: Contenders) -> None:
    """Without the store a campaign raises ServiceUnavailable."""
    both.go_away()

    with pytest.raises(ServiceUnavailable):
        await both.here.campaign()


async def test_resignation_without_the_store_is_silent(both: Contenders) -> None:
    """A resignation without the store raises nothing, because the claim is lost anyway."""
    await both.here.campaign()
    both.go_away()

    await both.here.resign()

    await leads_within(both.there, SECONDS)


async def test_campaign_whose_reply_was_lost_holds_no_claim(both: Contenders) -> None:
    """A contender that does not know it leads must not block the others."""
    both.lose_reply_to_campaign()
    with pytest.raises(ServiceUnavailable):
        await both.here.campaign()

    assert not await both.here.confirm()
    await leads_within(both.there, SECONDS)


async def test_hung_postgres_ends_the_leadership(on_postgres: PostgresContenders) -> None:
    """The leader gives up within seconds, and Postgres drops its silent connection as soon."""
    await on_postgres.here.campaign()
    await on_postgres.there.campaign()
    on_postgres.proxy.hang()

    async with asyncio.timeout(ANSWER_SECONDS + SLACK):
        assert not await on_postgres.here.confirm()

    await leads_within(on_postgres.there, TAKEOVER_SECONDS)


async def test_leader_that_stopped_asking_is_replaced(on_postgres: PostgresContenders) -> None:
    """A hung process loses its leadership although its connection stays open."""
    await on_postgres.here.campaign()

    await leads_within(on_postgres.there, TAKEOVER_SECONDS)

    assert not await on_postgres.here.confirm()


async def test_leader_that_asks_stays(on_postgres: PostgresContenders) -> None:
    """A leader that keeps confirming is not replaced."""
    await on_postgres.here.campaign()
    async with asyncio.timeout(TAKEOVER_SECONDS + SLACK):
        for _ in range(int(TAKEOVER_SECONDS)):
            await asyncio.sleep(1)
            assert await on_postgres.here.confirm()
            assert not await on_postgres.there.campaign()


async def test_campaign_on_a_hung_postgres_is_given_up(on_postgres: PostgresContenders) -> None:
    """A campaign times out whether Postgres hangs before or after connecting."""
    on_postgres.proxy.hang()

    async with asyncio.timeout(2 * ANSWER_SECONDS + SLACK):
        with pytest.raises(ServiceUnavailable, match="Postgres"):
            await on_postgres.here.campaign()


async def test_resignation_on_a_hung_postgres_ends(on_postgres: PostgresContenders) -> None:
    """A hung Postgres does not delay a shutdown."""
    await on_postgres.here.campaign()
    on_postgres.proxy.hang()

    async with asyncio.timeout(ANSWER_SECONDS + SLACK):
        await on_postgres.here.resign()


async def test_each_schema_has_a_leader_of_its_own(database_dsn: str) -> None:
    """Two installations may share a database."""
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
    ours = PostgresLeadership(database_dsn)
    theirs = PostgresLeadership(make_conninfo(database_dsn, options="-csearch_path=elsewhere"))

    assert await ours.campaign()
    assert await theirs.campaign()

    await ours.resign()
    await theirs.resign()
