"""`node`: what is shown of nodes, and what it takes to say something of one."""

import json
from typing import Any

import pytest

from rtmanager.cli import actions, node_progress, nodes
from rtmanager.cli.faults import ExitCode
from rtmanager.domain.nodes.move_origin import of_a_drain
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_service import FakeService, answered, failed
from tests.unit.client.specs import SPECS, example

SINCE = "2026-04-28T20:39:18.104233Z"


def node(**changes: Any) -> dict[str, Any]:
    """Return a node that is ready, with two games."""
    schema = SPECS[1]["components"]["schemas"]["Node"]
    plain = {
        "node_id": "n1",
        "name": "worker-1",
        "availability": "active",
        "cpus": 4.0,
        "reserved_cpus": 1.5,
        "memory_bytes": 8 << 30,
        "reserved_memory_bytes": 1 << 29,
        "is_out_of_reach": False,
        "games": ["g1", "g2"],
        "games_left": None,
    }
    return {**example(SPECS[1], schema, null=True), **plain, **changes}


def drained(*games: str, **changes: Any) -> dict[str, Any]:
    """Return the node while these games are left on it."""
    more = {"drain_at": SINCE, "games": list(games), "games_left": len(games)}
    return node(**more, advice=f"It is being drained: {len(games)} left.", **changes)


def listed(*found: dict[str, Any]) -> Any:
    """Return the list of these nodes."""
    return answered({"items": list(found)})


def moved(*games: str) -> Any:
    """Return the operations on games that the service itself moves now."""
    schema = SPECS[1]["components"]["schemas"]["Operation"]
    found = [{**example(SPECS[1], schema), "game_id": each, "outcome": "open"} for each in games]
    return answered({"items": found, "next_cursor": None})


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_progress, "POLL_SECONDS", 0)


def test_list_shows_what_is_reserved_and_what_to_do(run: Run) -> None:
    """One line each, and below it the advice on those that need somebody."""
    silent = node(name="worker-2", state="down", is_out_of_reach=True, advice="Look at it.")
    result = run(FakeService(listed(node(), silent)), "node", "list")

    assert result.stdout.splitlines() == [
        "NODE      STATE  ROLE     GAMES  CPUS      MEMORY          SAID OF IT",
        "worker-1  ready  manager  2      1.5 of 4  0.5 of 8.0 GiB  -",
        "worker-2  down   manager  2      1.5 of 4  0.5 of 8.0 GiB  -",
        "",
        "worker-2: Look at it.",
    ]


def test_list_shows_what_was_said_of_a_node(run: Run) -> None:
    """And how much of that is done."""
    both = node(interrupted_at=SINCE, off_at=SINCE, drain_at=SINCE, games_left=7)
    result = run(FakeService(listed(both, node(availability="drain"))), "node", "list")

    first, second = result.stdout.splitlines()[1:]
    assert first.split("GiB")[1].strip().startswith("lost for ")
    assert ", drained for " in first
    assert first.endswith(", 7 left")
    assert second.endswith("drain in Swarm")


def test_single_host_has_no_nodes(run: Run) -> None:
    """The table is empty, and why is on standard error."""
    result = run(FakeService(listed()), "node", "list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{nodes.NO_NODES}\n"


def test_script_that_vouches_says_so(run: Run) -> None:
    """Without `--yes` nothing is sent, although nobody can be asked."""
    service = FakeService(answered(node(off_at=SINCE)))
    refused = run(service, "node", "lost", "worker-1")
    said = run(service, "node", "lost", "worker-1", "--yes", "--reason", "burnt out")

    assert refused.exit_code == ExitCode.USAGE
    assert "not only out of reach" in refused.stderr
    (request,) = service.requests
    assert said.exit_code == 0
    assert (request.method, request.url.path) == ("POST", "/api/v1/operator/nodes/worker-1/lost")
    assert json.loads(request.content) == {"reason": "burnt out"}


@pytest.mark.parametrize(("word", "asks"), [("lost", "surely off"), ("drain", "Move all games")])
def test_person_is_asked(run: Run, word: str, asks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question says what the word means; no is the default."""
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: asked.append(text))
    for module in (actions, nodes):
        monkeypatch.setattr(module, "is_asked", lambda: True)
    service = FakeService()
    result = run(service, "node", word, "worker-1")

    assert (result.exit_code, service.requests) == (ExitCode.FAILED, [])
    assert "worker-1" in asked[0]
    assert asks in asked[0]


@pytest.mark.parametrize("word", ["drain", "activate"])
def test_word_is_sent_and_the_node_is_shown(run: Run, word: str) -> None:
    """Without a reason there is no body."""
    service = FakeService(answered(drained("g1")))
    result = run(service, "node", word, "worker-1")

    assert result.stdout == "worker-1: It is being drained: 1 left.\n"
    assert [each.content for each in service.requests] == [b""]


def test_followed_drain_ends_when_no_game_is_left(run: Run) -> None:
    """Each number of games is a line on standard error; managers may be away for a while."""
    service = FakeService(
        answered(drained("a", "b", "c", "d")),
        listed(drained("a", "b", "c", "d")),
        *[failed(503, "docker_unavailable")] * 5,
        listed(node(node_id="n0"), drained("c")),
        listed(drained()),
        moved("c"),
        listed(drained()),
        moved(),
    )
    result = run(service, "node", "drain", "n1", "--follow")

    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "worker-1: 4 left",
        "worker-1: 1 left: c",
        "worker-1: the last are being moved: c",
    ]
    asked = service.requests[-1].url.params
    assert dict(asked) == {"source_ref": of_a_drain("worker-1").source_ref, "outcome": "open"}
    assert result.stdout == "worker-1: It is being drained: 0 left.\n"


def test_followed_drain_as_json_is_one_document(run: Run) -> None:
    """That of the node as it is at the end."""
    result = run(
        FakeService(answered(drained("a")), listed(drained()), moved()),
        *("node", "drain", "worker-1", "--follow", "--json"),
    )

    assert json.loads(result.stdout)["games_left"] == 0
    assert result.stderr == ""


ENDS = {
    "ended by somebody": (listed(node()), ExitCode.CONFLICT, "somebody has ended the drain"),
    "down": (
        listed(drained("a", state="down", is_out_of_reach=True)),
        ExitCode.UNAVAILABLE,
        "went down while it was drained, with 1 game left",
    ),
    "gone": (listed(), ExitCode.NOT_FOUND, "has left the Swarm"),
    "token": (failed(401, "invalid_request", "no token"), ExitCode.NOT_ALLOWED, "no token"),
}


@pytest.mark.parametrize(("then", "code", "said"), ENDS.values(), ids=ENDS)
def test_drain_that_cannot_go_on_is_not_followed_for_ever(
    run: Run, then: Any, code: ExitCode, said: str
) -> None:
    """Each end has its exit code and its reason."""
    result = run(
        FakeService(answered(drained("a", "b")), then), "node", "drain", "worker-1", "--follow"
    )

    assert result.exit_code == code
    assert said in result.stderr


def test_service_that_stays_away_ends_the_following(run: Run) -> None:
    """After some patience, with what it said."""
    away = [failed(503, "service_unavailable", "Postgres does not answer")] * 100
    result = run(
        FakeService(answered(drained("a")), *away), "node", "drain", "worker-1", "--follow"
    )

    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "Postgres does not answer" in result.stderr


def test_lost_node_is_followed_too(run: Run) -> None:
    """Until all of its games run elsewhere."""
    service = FakeService(
        answered(node(off_at=SINCE, games=[], games_left=2)),
        listed(node(off_at=SINCE, games=[], games_left=0, advice="It is off.")),
    )
    result = run(service, "node", "lost", "worker-1", "--yes", "--follow")

    assert (result.exit_code, result.stdout) == (0, "worker-1: It is off.\n")
    assert result.stderr == "worker-1: 2 left\n"


def test_unknown_node_leads_to_the_list(run: Run) -> None:
    """The error says which command shows them."""
    result = run(FakeService(failed(404, "not_found", "there is no node x")), "node", "drain", "x")

    assert result.exit_code == ExitCode.NOT_FOUND
    assert "`rtmanager node list`" in result.stderr
