"""What a request meets before its endpoint: its host, the page that sends it, safe headers."""

from collections.abc import Mapping

import pytest

from rtmanager.handlers.access import Access
from rtmanager.handlers.endpoint import Handler
from rtmanager.server.connexion_app import create_app
from tests.contract.caller import FOREIGN_PAGE, JSON, PAGES, RUNTIMES, Caller
from tests.unit.domain.world import World


@pytest.mark.parametrize("path", ["/healthz", "/readyz", RUNTIMES, "/nope", *PAGES])
async def test_foreign_host_reads_nothing(path: str, caller: Caller) -> None:
    """Everything is behind the check of the host: probes, pages, spec and unknown paths too."""
    caller.host = b"evil.example"
    answer = await caller.get(path)

    assert answer.error == (403, "invalid_request")
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "operation", ["POST start", "POST stop", "POST restart", "POST patch", "DELETE container"]
)
async def test_foreign_page_begins_no_operation(
    operation: str, caller: Caller, world: World
) -> None:
    """A refused request leaves no trace, not even a refusal in the operation log."""
    method, verb = operation.split()
    answer = await caller.send(
        method, f"{RUNTIMES}/g1/{verb}", headers=[*FOREIGN_PAGE, JSON], body=b'{"image_ref":"a"}'
    )

    assert answer.error == (403, "invalid_request")
    assert world.manager.calls == []
    assert caller.taken == 0


async def test_preflight_permits_nothing(caller: Caller) -> None:
    """A page that asks whether it may send JSON or DELETE is told nothing of the kind."""
    asked = [(b"access-control-request-method", b"DELETE"), *FOREIGN_PAGE]
    answers = [
        await caller.send("OPTIONS", path, headers=asked) for path in (f"{RUNTIMES}/g1", *PAGES)
    ]
    answers.append(await caller.send("GET", RUNTIMES, headers=FOREIGN_PAGE))

    sent = {name for answer in answers for name in answer.headers}
    assert {name for name in sent if name.startswith("access-control")} == set()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), (RUNTIMES, 200), ("/nope", 404), *((page, None) for page in PAGES)],
)
async def test_every_answer_is_kept_from_other_sites(
    path: str, status: int | None, caller: Caller
) -> None:
    """No answer is guessed to be a script, embedded elsewhere, or reveals where it was read."""
    answer = await caller.get(path)
    expected = {
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
    }

    assert status in {None, answer.status}
    assert answer.headers.items() >= expected.items()


@pytest.mark.parametrize("path", ["/healthz", RUNTIMES, "/nope"])
async def test_no_cache_keeps_an_answer_of_the_api(path: str, caller: Caller) -> None:
    """A record is only true for a moment."""
    assert (await caller.get(path)).headers["cache-control"] == "no-store"


async def test_allowed_host_and_trusted_origin_are_the_operators(
    table: Mapping[str, Handler],
) -> None:
    """What the operator has set reaches the check."""
    access = Access(allowed_hosts=["rtm.example"], trusted_origins=["http://evil.example"])
    caller = Caller(create_app(table, access), host=b"rtm.example")

    answer = await caller.send("POST", f"{RUNTIMES}/g1/restart", headers=FOREIGN_PAGE)

    assert answer.error == (404, "not_found")
