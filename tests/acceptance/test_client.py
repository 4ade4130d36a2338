"""The client and doctor on the real service."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from rtmanager.bootstrap.doctor import Severity, examine
from rtmanager.client import EventType, Outcome, RuntimeManagerClient, RuntimeStatus
from tests.support.environment import Environment, new_game, remove_games

PAGE = Path(__file__).parents[2] / "docs/client.md"


@pytest.fixture
def game(docker_api: Any) -> Iterator[str]:
    """Return the id of a game whose container is removed afterwards."""
    game = new_game()
    yield game
    remove_games(docker_api, [game])


async def test_example_of_the_documentation_runs(environment: Environment, game: str) -> None:
    """The page's example does what it says, and every answer of a life of a game is understood."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    url = environment.service.url

    said = await names["move"](url, game, "galaxy/game:1.4.8")

    assert said.startswith("galaxy/game:1.4.8 after obtain_image, prepare_state, park, stop")
    async with RuntimeManagerClient(url) as rtm:
        explanation = await rtm.explain(game)
        assert explanation.status is RuntimeStatus.RUNNING
        assert game in {each.game_id for each in await rtm.overview()}
        assert (await rtm.health(game)).game_id == game
        assert [line.text async for line in rtm.logs(game)]
        assert (await rtm.workers()).replicas
        assert (await rtm.drift()).games > 0


async def test_events_lead_from_a_request_to_its_outcome(
    environment: Environment, game: str
) -> None:
    """A stream shows the operation of one's own request, and can be continued behind any event."""
    async with RuntimeManagerClient(environment.service.url) as rtm:
        async with aclosing(rtm.events(game)) as events, asyncio.timeout(60):
            ready = await anext(events)
            call = asyncio.create_task(rtm.start(game, "galaxy/game:1.4.7", request_id="mine"))
            async for each in events:
                progress = each.event.operation if each.event is not None else None
                if progress and progress.outcome is not Outcome.OPEN:
                    break
            await call
        async with aclosing(rtm.events(game, after=ready.id)) as again, asyncio.timeout(60):
            first = await anext(again)

    assert ready.type is EventType.READY
    assert progress is not None
    assert (progress.source_ref, progress.outcome) == ("mine", Outcome.SUCCESS)
    assert first.event is not None
    assert first.event.game_id == game


async def test_doctor_finds_no_fault_where_the_service_runs(environment: Environment) -> None:
    """All checks pass on the servers of the tests, with the rights that the service has there."""
    service = environment.service
    address = {"RTMANAGER_INTERNAL_HTTP_ADDR": f"{service.host}:{service.port}"}
    found = [each async for each in examine({**service.variables, **address})]

    assert [each for each in found if each.severity is Severity.FAULT] == []
    checks = {each.check for each in found if each.severity is Severity.OK}
    expected = {"settings", "dns", "postgres", "redis", "docker", "network", "service", "clock"}
    assert checks >= expected
