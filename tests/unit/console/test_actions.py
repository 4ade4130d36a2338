import re
from typing import Any

import httpx
import pytest

from tests.unit.console.fake_service import IMAGE, FakeService, explanation, operation, record


@pytest.fixture(autouse=True)
def _game(service: FakeService) -> None:
    service.explanations["g1"] = explanation("g1")
    service.records["g1"] = record("g1")


@pytest.mark.parametrize(
    ("action", "form", "called", "body"),
    [
        ("start", {"image_ref": IMAGE}, "start", {"image_ref": IMAGE}),
        ("stop", {"reason": "finished"}, "stop", {"reason": "finished"}),
        ("restart", {}, "restart", {}),
        (
            "patch",
            {"image_ref": " galaxy/game:1.4.8 "},
            "patch",
            {"image_ref": "galaxy/game:1.4.8"},
        ),
        ("cleanup", {}, "container", {}),
    ],
)
async def test_form_acts_by_the_public_api(  # noqa: PLR0913, PLR0917 - a table
    service: FakeService,
    browser: httpx.AsyncClient,
    action: str,
    form: dict[str, str],
    called: str,
    body: dict[str, str],
) -> None:
    """Without scripts a form acts as admin under its request's id, and leads to the story."""
    answer = await browser.post(
        f"/console/games/g1/{action}", data=form, headers={"x-request-id": "form-1"}
    )

    ((name, game, sent, headers),) = service.asked
    assert (name, game, sent) == (called, "g1", body)
    assert (headers["x-galaxy-caller"], headers["x-request-id"]) == ("admin", "form-1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/games/g1?request=form-1"


async def test_story_says_how_the_form_ended(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """The page that a form leads to shows the outcome of that request."""
    done = operation(7, "stop", 2, source_ref="form-1")
    service.explanations["g1"]["operations"] = [done, operation(1)]

    page = (await browser.get("/console/games/g1?request=form-1")).text

    assert re.search(r'id="asked">\s*<strong>Stop: done\.</strong>', page)


async def test_failed_action_keeps_the_form_and_says_why(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """The message, its code and the request id are above the form, which can be sent again."""
    service.errors["patch"] = (500, "image_pull_failed", "cannot pull galaxy/game:9.9.9")

    answer = await browser.post(
        "/console/games/g1/patch",
        data={"image_ref": "galaxy/game:9.9.9"},
        headers={"x-request-id": "form-2"},
    )

    assert answer.status_code == 500
    for text in ("image_pull_failed", "cannot pull", "form-2", 'value="galaxy/game:9.9.9"'):
        assert text in answer.text


async def test_confirmation_names_the_game(browser: httpx.AsyncClient) -> None:
    """Whoever is asked reads which game it is about."""
    page = (await browser.get("/console/games/g1/cleanup")).text

    assert 'Remove the container of <span class="mono">g1</span>?' in page


async def test_new_game_is_started_by_the_name_in_its_form(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A game id of strange characters stays one part of the path."""
    answer = await browser.post("/console/start", data={"game_id": "a/b", "image_ref": IMAGE})

    assert service.asked[0][:2] == ("start", "a/b")
    assert answer.headers["location"].startswith("/console/games/a%2Fb?request=")


async def test_new_game_needs_an_id(service: FakeService, browser: httpx.AsyncClient) -> None:
    """An empty one is refused before anything is asked for."""
    answer = await browser.post("/console/start", data={"game_id": " ", "image_ref": IMAGE})

    assert answer.status_code == 400
    assert service.asked == []


async def test_form_that_is_too_large_is_refused(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """It is not read to its end."""
    with pytest.raises(Exception, match="64 KiB"):
        await browser.post("/console/games/g1/stop", data={"reason": "x" * 70_000})

    assert service.asked == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, 'data-said="good"></p>'),
        ({"healthy": False}, "has not answered its health check yet."),
        ({"error_code": "replay_no_op"}, "There was nothing to do."),
        ({"kind": "cleanup_container"}, "Done: the container is removed."),
        ({"outcome": "failure", "healthy": False}, 'data-said="warn"></p>'),
    ],
)
async def test_success_says_what_it_left(
    service: FakeService, browser: httpx.AsyncClient, more: dict[str, Any], said: str
) -> None:
    """An engine that does not answer is no plain success, and a repeat has done nothing."""
    service.explanations["g1"]["operations"] = [operation(7, source_ref="mine", **more)]

    assert said in (await browser.get("/console/games/g1/progress?request=mine")).text


async def test_progress_is_that_of_the_request(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A dialog gets the operation under its own request id, or nothing yet."""
    service.explanations["g1"]["operations"] = [operation(7, source_ref="mine"), operation(8)]

    assert 'id="op-7"' in (await browser.get("/console/games/g1/progress?request=mine")).text
    assert (await browser.get("/console/games/g1/progress?request=other")).text.strip() == ""
