"""The console in front of the real application."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from rtmanager.handlers.access import Access
from rtmanager.handlers.api_tokens import ApiTokens, line_of
from rtmanager.handlers.endpoint import Handler
from rtmanager.server.connexion_app import create_app
from tests.contract.caller import FOREIGN_PAGE, RUNTIMES, Caller, Header
from tests.unit.domain.world import World

FORM: Header = (b"content-type", b"application/x-www-form-urlencoded")
KEPT: Header = (b"cookie", b"rtm_token=secret")


@pytest.fixture
def strict(table: Mapping[str, Handler], tmp_path: Path) -> Caller:
    """Return a client of a service that asks for tokens."""
    path = tmp_path / "tokens"
    path.write_text(line_of("gm-1", "gm", "secret"))
    return Caller(create_app(table, Access(tokens=ApiTokens(path)), validate_responses=True))


async def test_form_runs_an_operation_through_all_middlewares(caller: Caller, world: World) -> None:
    """It is logged as an admin's, under the id of the form's request."""
    answer = await caller.send(
        "POST",
        "/console/games/g1/start",
        body=b"image_ref=galaxy%2Fgame%3A1.4.7",
        headers=[FORM, (b"x-request-id", b"form-1")],
    )

    assert answer.status == 303
    assert world.last.request.origin.source == "admin_rest"
    assert world.last.request.origin.source_ref == "form-1"


async def test_refused_form_has_the_status_and_message_of_the_contract(caller: Caller) -> None:
    """What the API refuses is said where it was asked for."""
    answer = await caller.send("POST", "/console/games/g1/restart", headers=[FORM])

    assert answer.status == 404
    assert b"not_found" in answer.body


async def test_page_of_another_site_sends_no_form(caller: Caller, world: World) -> None:
    """The browser guard is in front of the console too."""
    answer = await caller.send(
        "POST", "/console/games/g1/restart", headers=[FORM, KEPT, *FOREIGN_PAGE]
    )

    assert answer.error == (403, "invalid_request")
    assert world.manager.calls == []


async def test_kept_token_acts_for_its_holder(strict: Caller, world: World) -> None:
    """The cookie opens pages and actions, and its source is what is logged."""
    assert (await strict.send("GET", "/console/")).status == 401
    assert (await strict.send("GET", "/console/", headers=[KEPT])).status == 200

    await strict.send("POST", "/console/games/g1/restart", headers=[FORM, KEPT])
    assert world.last.request.origin.source == "gm_rest"

    answer = await strict.send("POST", f"{RUNTIMES}/g1/restart", headers=[KEPT])
    assert answer.error == (404, "not_found")


@pytest.mark.parametrize("path", ["/console/", "/console/service", "/console/sign-in"])
async def test_pages_keep_the_promises_of_every_answer(caller: Caller, path: str) -> None:
    """The request id, and what keeps other sites away, are on pages too."""
    headers = (await caller.get(path)).headers

    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
