"""The pages of nodes, and what is said of one by their forms."""

from typing import Any

import httpx
import pytest

from rtmanager.console import nodes
from tests.unit.console.fake_service import FakeService, ago, explanation, node, record

DOWN = {
    "state": "down",
    "is_out_of_reach": True,
    "advice": "Nobody knows what became of 1 engine on it.",
}


@pytest.fixture(autouse=True)
def _node(service: FakeService) -> None:
    service.nodes = [node("manager-1", role="manager", games=[]), node()]


async def test_all_nodes_are_listed(service: FakeService, browser: httpx.AsyncClient) -> None:
    """With what is reserved, their games, and what has to be known of one."""
    silent = {**DOWN, "advice": f"{DOWN['advice']} <b>Say `rtmanager node lost <x>`."}
    service.nodes.append(node("worker-2", games=["g2", "g3"], **silent))
    page = (await browser.get("/console/nodes")).text

    assert [page.count(f"/console/nodes/id-of-{each}") for each in ("manager-1", "worker-2")] == [
        1,
        1,
    ]
    assert "down: unknown" in page
    assert "Nobody knows what became of 1 engine on it. &lt;b&gt;Say" in page
    assert "<code>rtmanager node lost &lt;x&gt;</code>." in page
    assert '1.5 <span class="muted">of 32.0 GiB' in page
    assert 'aria-current="page">Nodes' in page


async def test_single_host_is_explained(service: FakeService, browser: httpx.AsyncClient) -> None:
    """Instead of an empty table."""
    service.nodes = []
    page = (await browser.get("/console/nodes")).text

    assert "All games run on a single Docker host" in page
    assert "<table" not in page


@pytest.mark.parametrize("name", ["id-of-worker-1", "worker-1"])
async def test_node_is_shown_with_its_games(
    service: FakeService, browser: httpx.AsyncClient, name: str
) -> None:
    """Found by its id or its name; each game leads to its story."""
    page = (await browser.get(f"/console/nodes/{name}")).text

    assert 'href="/console/games/g1"' in page
    assert "games are placed on it" in page
    assert service.said == []


OFFERED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "ready": ({}, ["drain"]),
    "silent": (DOWN, ["lost", "drain"]),
    "lost": ({**DOWN, "off_at": ago(60), "is_out_of_reach": False}, ["drain"]),
    "drained": ({"drain_at": ago(60), "games_left": 1}, ["activate"]),
}


@pytest.mark.parametrize(("state", "words"), OFFERED.values(), ids=OFFERED)
async def test_node_offers_what_can_be_said_of_it(
    service: FakeService, browser: httpx.AsyncClient, state: dict[str, Any], words: list[str]
) -> None:
    """Nobody is asked to vouch for a node that the managers hear of."""
    service.nodes = [node(**state)]
    page = (await browser.get("/console/nodes/worker-1")).text

    offered = [each for each in ("lost", "drain", "activate") if f'id="do-{each}"' in page]
    assert offered == words


@pytest.mark.parametrize("word", ["lost", "drain", "activate"])
async def test_word_is_said_by_the_public_api(
    service: FakeService, browser: httpx.AsyncClient, word: str
) -> None:
    """After a page that names the node; the form leads back to it."""
    asked = (await browser.get(f"/console/nodes/worker-1/{word}")).text
    form = {"reason": "burnt out", "is_off": "yes"}
    answer = await browser.post(f"/console/nodes/worker-1/{word}", data=form)

    assert "worker-1" in asked
    assert service.said == [(word, "id-of-worker-1", {"reason": "burnt out"})]
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/console/nodes/id-of-worker-1",
    )


async def test_nobody_vouches_by_a_button_alone(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """The box has to be ticked too, also where the browser does not insist."""
    asked = (await browser.get("/console/nodes/worker-1/lost")).text
    answer = await browser.post("/console/nodes/worker-1/lost", data={"reason": "maybe"})

    assert "required> I vouch that this machine is off." in asked
    assert (answer.status_code, service.said) == (400, [])
    assert "Nothing was done" in answer.text
    assert 'value="maybe"' in answer.text


async def test_refused_word_keeps_the_form(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """And says why."""
    service.errors["drain"] = (409, "conflict", "the node has changed meanwhile")
    answer = await browser.post("/console/nodes/worker-1/drain", data={})

    assert answer.status_code == 409
    assert "the node has changed meanwhile" in answer.text
    assert service.said == [("drain", "id-of-worker-1", {})]


@pytest.mark.parametrize("path", ["gone", "gone/drain", "%3Cscript%3E"])
async def test_unknown_node_leads_to_all(browser: httpx.AsyncClient, path: str) -> None:
    """Its name is a text, whatever it is."""
    answer = await browser.get(f"/console/nodes/{path}")

    assert answer.status_code == 404
    assert 'href="/console/nodes">All nodes' in answer.text
    assert "<script>" not in answer.text


async def test_what_was_just_said_is_on_the_page(
    service: FakeService, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only pages that hear of events share what was found out a moment ago."""
    monkeypatch.setattr(nodes, "NODES_AGE", 1e12)
    heard = {"last-event-id": "7"}
    await browser.get("/console/nodes", headers=heard)
    service.nodes = [node("worker-9")]

    assert "worker-9" in (await browser.get("/console/nodes")).text
    assert "worker-9" not in (await browser.get("/console/nodes", headers=heard)).text


async def test_story_names_the_node_and_that_it_is_down(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Nobody is shown that an engine is well which nobody can ask."""
    container = {
        "container_id": "c1",
        "name": "galaxy-game-g1",
        "state": "running",
        "exit_code": None,
        "oom_killed": False,
        "started_at": ago(60),
        "finished_at": None,
        "node": "worker-1",
    }
    pages = []
    for is_out_of_reach in (False, True):
        shown = {**container, "is_out_of_reach": is_out_of_reach}
        service.explanations["g1"] = explanation(container=shown)
        service.records["g1"] = record("g1")
        pages.append((await browser.get("/console/games/g1")).text)

    assert all('href="/console/nodes/worker-1"' in each for each in pages)
    assert ["node down: unknown" in each for each in pages] == [False, True]
