import re

import httpx
import pytest

from rtmanager.console.pages import FEW
from tests.unit.console.fake_service import (
    FakeService,
    ago,
    brief,
    explanation,
    health,
    operation,
    overview,
    record,
    replica,
    step,
    worker,
)

HOSTILE = "<script>alert(1)</script>'\"&\x1b[31m\u202e"


async def test_list_shows_each_game_with_its_last_operation(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Status, health, image, age and the last operation stand in the game's row."""
    failed = operation(2, "patch", 150, outcome="failure", error_code="image_pull_failed")
    service.games = [overview("g1", last_operation=brief(failed), health="unhealthy")]

    row = row_of("g1", (await browser.get("/console/")).text)

    assert re.findall(r"<(?:span|time|td)[^>]*>([^<]+)</", row) == [
        "running",
        "unhealthy",
        "galaxy/game:1.4.7",
        "1 h",
        "Patch",
        "failed",
        "2 min ago",
    ]


async def test_list_counts_all_games_whatever_is_filtered(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Rows that do not match are there and hidden, so that a filter needs no request."""
    service.games = [overview("g1"), overview("g2", "stopped"), overview("g3", "removed")]

    page = (await browser.get("/console/?status=stopped")).text

    assert [name for name in ("g1", "g2", "g3") if " hidden>" in row_of(name, page)] == ["g1", "g3"]
    assert '<b data-count="all">3</b>' in page
    assert '<b data-count="stopped">1</b>' in page


async def test_game_that_never_ran_is_found_by_its_id(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """It has a page that says why, though it has no row."""
    service.games = [overview("g1")]

    page = (await browser.get("/console/?q=g9")).text

    assert '<a class="mono" href="/console/games/g9">g9</a>' in page


async def test_empty_list_says_how_to_begin(browser: httpx.AsyncClient) -> None:
    """Without a game, the page has the first command, for this address, and the form."""
    page = (await browser.get("/console/")).text

    command = "rtmanager start my-first-game galaxy/game:1.4.7 --url http://localhost"
    assert command in page
    assert 'action="/console/start"' in page


async def test_thousand_games_are_one_page(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """All rows are sent, packed for whoever accepts that."""
    service.games = [overview(f"g{number:04}") for number in range(1000)]

    answer = await browser.get("/console/")

    assert answer.text.count('role="rowheader"') == 1000
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 150_000


async def test_rows_are_those_that_were_asked_for(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A page that heard of an event gets the rows of its games, for which no others are read."""
    service.games = [overview("g1"), overview("g2"), overview("g3", "stopped")]

    part = (await browser.get("/console/rows?game=g3&game=g1&game=gone")).text

    assert re.findall(r'<tr id="game-(\w+)"', part) == ["g1", "g3"]
    assert service.listed == ["g1", "g3", "gone"]


async def test_many_rows_are_read_at_once(service: FakeService, browser: httpx.AsyncClient) -> None:
    """What happens to many games at once does not become as many calls."""
    service.games = [overview(f"g{number}") for number in range(20)]

    part = (
        await browser.get("/console/rows", params={"game": [f"g{n}" for n in range(FEW + 1)]})
    ).text

    assert part.count('<tr id="game-') == FEW + 1
    assert service.listed == [None]


async def test_page_is_not_sent_again_unless_something_has_changed(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Its version is that of what it shows, not of the ages in it."""
    service.games = [overview("g1")]
    version = (await browser.get("/console/")).headers["etag"]
    known = {"if-none-match": version}

    assert (await browser.get("/console/", headers=known)).status_code == 304

    service.games = [overview("g1", "stopped")]

    assert (await browser.get("/console/", headers=known)).status_code == 200


async def test_story_shows_what_runs_step_by_step(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """The running operation is unfolded, with the result, duration and note of each step."""
    steps = [step("obtain_image", 5, 1800, note="pulled 41 MB"), step("watch_gate", 2, None)]
    running = operation(2, "patch", 5, outcome="open", finished_at=None, duration_ms=None)
    tell(service, open_operation=running, operations=[running | {"steps": steps}])

    page = (await browser.get("/console/games/g1")).text

    assert '<details id="steps-2" open>' in page
    assert re.findall(r'class="(?:took|result|note)">([^<]+)<', page)[:3] == [
        "1.8 s",
        "done",
        "pulled 41 MB",
    ]
    assert '<p class="lead busy"' in page


async def test_operation_that_runs_is_no_disagreement(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Only an open operation that nobody runs is drift to whoever reads the story."""
    found = {"game_id": "g1", "container_id": None, "retry_at": None}
    left = {
        **found,
        "kind": "open_operation",
        "sentence": "operation 2 is open",
        "action": "resume",
    }
    running = operation(2, outcome="open", finished_at=None, duration_ms=None)
    tell(service, drift=[left])

    assert "operation 2 is open" in (await browser.get("/console/games/g1")).text

    tell(service, drift=[left], open_operation=running, operations=[running])

    assert "operation 2 is open" not in (await browser.get("/console/games/g1")).text


async def test_story_of_a_crash_has_its_exit_and_last_lines(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """What the engine wrote last stays on the page when its container is gone."""
    tail = ["turn 1", "fatal: no memory"]
    ended = {"container_id": None, "exit_code": 137, "oom_killed": True, "signal": None}
    tell(service, "stopped", exit={**ended, "ended_at": ago(60), "log_tail": tail})

    page = (await browser.get("/console/games/g1")).text

    assert "out of memory: killed" in page
    assert "fatal: no memory\n" in page
    assert '<p class="lead bad"' in page


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("running", ["patch", "restart", "stop"]),
        ("stopped", ["start", "patch", "restart", "cleanup"]),
        ("removed", ["start"]),
        (None, ["start"]),
    ],
)
async def test_story_offers_what_can_be_done(
    service: FakeService, browser: httpx.AsyncClient, status: str | None, actions: list[str]
) -> None:
    """Buttons are there for the actions that the contract allows in this status."""
    tell(service, status)

    page = (await browser.get("/console/games/g1")).text

    assert re.findall(r'id="do-(\w+)"', page) == actions


async def test_story_of_a_failed_first_start_needs_no_record(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A game whose only start has failed has an explanation."""
    failed = operation(
        1, outcome="failure", error_code="image_pull_failed", error_message="no host"
    )
    tell(service, None, operations=[failed])
    service.records.clear()

    answer = await browser.get("/console/games/g1")

    assert answer.status_code == 200
    assert "none yet: no start has succeeded" in answer.text


async def test_log_is_shown_without_scripts_on_demand(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A link shows the last lines, as text."""
    tell(service)
    service.log = [{"at": ago(1), "stream": "stderr", "text": HOSTILE}]

    page = (await browser.get("/console/games/g1?log=1")).text

    assert '<div class="line stderr">' in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("part", ["list", "story", "service", "form"])
async def test_texts_from_outside_stay_texts(
    service: FakeService, browser: httpx.AsyncClient, part: str
) -> None:
    """Ids, messages and images cannot become elements, wherever they are shown."""
    ops = [operation(1, error_message=HOSTILE, outcome="failure", source_ref=HOSTILE)]
    service.games = [overview(HOSTILE, image_ref=HOSTILE)]
    service.explanations[HOSTILE] = explanation(
        HOSTILE, summary=HOSTILE, image_ref=HOSTILE, operations=ops, docker_error=HOSTILE
    )
    service.workers["errors"] = [HOSTILE]
    quoted = "/console/games/" + "".join(f"%{each:02X}" for each in HOSTILE.encode())
    paths = {"list": "/console/", "story": quoted, "service": "/console/service"}

    answer = await browser.get(paths.get(part, f"{quoted}/patch"))

    assert answer.status_code == 200
    assert "&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert 'title="\'"' not in answer.text


async def test_service_shows_workers_drift_and_readiness(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """A worker that fails says why; drift says what will be done about it."""
    broken = worker("probe", failures_in_a_row=3, last_error="Docker did not answer")
    service.workers["replicas"] = [replica(workers=[broken])]
    found = {"game_id": "g1", "kind": "adopt", "container_id": None, "retry_at": None}
    service.drift = [{**found, "sentence": "It has no record.", "action": "it is adopted"}]

    page = (await browser.get("/console/service")).text

    for text in (
        "Ready:",
        "3 failed",
        "Docker did not answer",
        "It has no record.",
        "it is adopted",
    ):
        assert text in page


async def test_service_page_stays_when_parts_of_it_are_unavailable(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """What is known is shown, beside why the rest is not."""
    service.errors["/api/v1/operator/drift"] = (503, "docker_unavailable", "Docker is away")
    service.errors["/readyz"] = (503, "docker_unavailable", "Docker cannot be reached")

    answer = await browser.get("/console/service")

    assert answer.status_code == 200
    assert "Drift is not known.</strong> Docker is away" in answer.text
    assert "Not ready: Docker cannot be reached" in answer.text
    assert "games-1" in answer.text


async def test_unavailable_service_names_what_it_lacks(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Instead of the page, readiness says which dependency does not answer."""
    service.errors["/api/v1/operator/runtimes"] = (503, "service_unavailable", "unavailable")
    service.errors["/readyz"] = (503, "service_unavailable", "Postgres cannot be reached")

    answer = await browser.get("/console/")

    assert answer.status_code == 503
    assert "Postgres cannot be reached" in answer.text


@pytest.mark.parametrize("path", ["games/nope", "games/nope/operations", "games/no%2Fpe", "nope"])
async def test_unknown_page_leads_back(browser: httpx.AsyncClient, path: str) -> None:
    """An unknown game is a page of the console, and the game is named on it."""
    answer = await browser.get(f"/console/{path}")

    assert answer.status_code == 404
    assert 'href="/console/' in answer.text
    assert ("no/pe" in answer.text) == (path == "games/no%2Fpe")


@pytest.mark.parametrize(("game", "is_offered"), [("nope", True), ("%3Cb%3E;reboot", False)])
async def test_command_is_offered_only_for_what_can_be_a_game(
    browser: httpx.AsyncClient, game: str, *, is_offered: bool
) -> None:
    """Whatever else stands in the address is nothing to copy into a shell."""
    page = (await browser.get(f"/console/games/{game}")).text

    assert ("rtmanager start" in page) == is_offered
    assert ("1 to 51 characters" in page) != is_offered


async def test_exit_that_was_noticed_is_recorded_not_done(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Nobody did it: it has happened, and the service has noted it."""
    tell(service, "stopped", operations=[operation(3, "reconcile_observed_exit", steps=[])])

    page = (await browser.get("/console/games/g1")).text

    assert ">recorded</span>" in page
    assert ">done</span>" not in page


@pytest.mark.parametrize(("phase", "is_said"), [("forward", False), ("back", True)])
async def test_rollback_is_said_only_if_there_was_one(
    service: FakeService, browser: httpx.AsyncClient, phase: str, *, is_said: bool
) -> None:
    """A pull that fails leaves nothing to roll back."""
    steps = [step("obtain_image", 5, result="refused"), step("remove", 4, phase=phase)]
    failed = operation(2, "patch", 5, outcome="failure", phase="back", steps=steps)
    tell(service, operations=[failed])

    page = (await browser.get("/console/games/g1")).text

    assert ("· rolled back" in page) == is_said


async def test_unhealthy_game_says_why(service: FakeService, browser: httpx.AsyncClient) -> None:
    """The health section has the cause and how often it was missed."""
    tell(service, health=health("unhealthy", error="connection refused", consecutive_misses=3))

    page = (await browser.get("/console/games/g1")).text

    assert "connection refused" in page
    assert '<p class="lead bad"' in page


def tell(service: FakeService, status: str | None = "running", **more: object) -> None:
    """Let the service have one game."""
    service.explanations["g1"] = explanation("g1", status, **more)
    service.records["g1"] = record("g1", status or "running")


def row_of(game: str, page: str) -> str:
    """Return a game's row in the list."""
    found = re.search(rf'<tr id="game-{game}".*?</tr>', page, re.DOTALL)
    assert found
    return found[0]


async def test_request_id_that_is_used_again_shares_no_answer(
    service: FakeService, browser: httpx.AsyncClient
) -> None:
    """Programs that always send the same one, even an event's, see what is there now."""
    of_event = {"last-event-id": "7-8-9"}
    service.games = [overview("g1")]
    same = {"x-request-id": "7-8-9"}
    await browser.get("/console/", headers=of_event)
    before = (await browser.get("/console/", headers=same)).text
    service.games = [overview("g1"), overview("g2")]

    after = (await browser.get("/console/", headers=same)).text

    assert (">g2<" in before, ">g2<" in after) == (False, True)
