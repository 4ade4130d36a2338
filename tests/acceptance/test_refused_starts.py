"""Refused starts by the hundred write little, whatever they contain and whomever they concern."""

import random
from collections.abc import Callable, Sequence

import httpx
import pytest

from rtmanager.domain.messages import INTENTS_PER_GAME
from rtmanager.domain.operations.refusal_rate import BURST
from tests.support.environment import Environment, new_game
from tests.support.running_service import RUNTIMES

STARTS = 200
LONG = random.Random(1).randbytes(30_000).hex()  # noqa: S311 - only not to be compressed
BYTES = 1_500_000
"""What the database may grow by: it was 13 MB."""
SECONDS_TAKEN = 60
"""In each second one more refusal may be written, so the more the slower the host is."""

_SIZE = """
    SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class
    WHERE relnamespace = 'rtmanager'::regnamespace AND relkind = 'r'
"""
_WRITTEN = """
    SELECT count(*) AS rows, coalesce(max(length(image_ref)), 0) AS longest,
        coalesce(sum(octet_length(operation_log::text)), 0) AS bytes
    FROM operation_log WHERE game_id = ANY(string_to_array(%s, ' '))
"""
_INTENTS = """
    SELECT count(*) AS intents FROM outbox
    WHERE stream = 'notification_intents' AND game_id = ANY(string_to_array(%s, ' '))
"""


def size(environment: Environment) -> int:
    """Return the bytes that all tables and their indexes occupy."""
    return int(environment.rows(_SIZE)[0]["bytes"])


def flood(environment: Environment, games: Sequence[str]) -> list[httpx.Response]:
    """Start each game with another, endless reference."""
    with environment.service.client() as client:
        return [
            client.post(f"{RUNTIMES}/{game}/start", json={"image_ref": f"{number}{LONG}"})
            for number, game in enumerate(games)
        ]


def one_game() -> list[str]:
    """Return the same game for each start."""
    return [new_game()] * STARTS


def many_games() -> list[str]:
    """Return another game for each start."""
    return [new_game() for _ in range(STARTS)]


@pytest.mark.parametrize("games", [one_game, many_games])
def test_two_hundred_refused_starts_write_little(
    environment: Environment, games: Callable[[], list[str]], say: Callable[[str], None]
) -> None:
    """Each is answered alike; few have a row, which is short, and hardly any an intent."""
    started, before = games(), size(environment)

    answers = flood(environment, started)

    assert {each.status_code for each in answers} == {400}
    assert {each.json()["error"]["code"] for each in answers} == {"start_config_invalid"}
    assert max(len(each.content) for each in answers) < 500
    grown = size(environment) - before
    say(f"{STARTS} refused starts of {games.__name__}: the database grew by {grown // 1000} kB")
    (written,) = environment.rows(_WRITTEN, " ".join(started))
    (counted,) = environment.rows(_INTENTS, " ".join(started))
    assert written["rows"] <= BURST + SECONDS_TAKEN
    assert written["longest"] <= 2_000
    assert written["bytes"] <= (BURST + SECONDS_TAKEN) * 4_000
    assert grown <= BYTES
    assert counted["intents"] <= (INTENTS_PER_GAME if games is one_game else 60)
