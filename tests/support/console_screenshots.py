"""`python -m tests.support.console_screenshots` makes the README's pictures of the console.

They show a service that does not exist, so that they have something of everything.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from dev.debian_packages import require_command
from dev.free_port import free_port
from tests.unit.console import fake_service as fake
from tests.unit.console.fake_service import FakeService, Json, ago, operation, step

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PAGES = {
    "console-list": "",
    "console-game": "games/summer-league-7",
    "console-service": "service",
    "console-nodes": "nodes",
}
GAMES = 1000
STORY = "summer-league-7"
NEW = "galaxy/game:1.4.8"
BROKEN = "galaxy/game:1.4.9"
_SIZE = {"width": 1200, "height": 680}
_WORKERS = ("events", "jobs", "probe", "inspect", "disk use", "reconcile", "handovers", "relay")


def example() -> FakeService:
    """Return a service with a thousand games, one of which is being patched."""
    chance = random.Random(4)  # noqa: S311 - the same pictures each time
    service = FakeService(games=sorted(_games(chance), key=lambda each: str(each["game_id"])))
    service.explanations[STORY] = _story()
    service.records[STORY] = fake.record(STORY)
    service.log = [
        {"at": ago(600 - each * 3), "stream": "stdout", "text": f"turn {400 + each} computed"}
        for each in range(180)
    ]
    failing = {"failures": 4, "failures_in_a_row": 3, "lag_s": 701.2, "last_success_at": ago(1300)}
    workers = [fake.worker(each) for each in _WORKERS]
    workers[4] |= {**failing, "last_error": "Docker did not answer within 5 s"}
    service.workers["replicas"] = [
        fake.replica(workers=workers),
        fake.replica("games-2", is_leader=False, workers=[fake.worker("relay")]),
    ]
    service.workers["backlogs"] += [
        {"name": "runtime:start_jobs", "waiting": 3, "oldest_at": ago(14)},
        {"name": "runtime:stop_jobs", "waiting": 0, "oldest_at": None},
    ]
    service.drift = [_finding()]
    service.nodes = list(_nodes())
    return service


def _nodes() -> Iterator[Json]:
    silent = (
        "The managers do not hear of it, and nobody knows what became of 168 engines on it. While "
        "an engine may still run, nothing is started elsewhere. If only its network is broken, "
        "repair that. If the machine is surely off, say so: `rtmanager node lost games-5`."
    )
    drained = (
        "It is being drained: 41 games are left to be moved. "
        "`rtmanager node activate games-4` ends that."
    )
    more: dict[int, Json] = {
        4: {"drain_at": ago(95), "games_left": 41, "advice": drained},
        5: {"state": "down", "is_out_of_reach": True, "advice": silent},
    }
    for number, games in enumerate((161, 172, 166, 41, 168, 174), 1):
        reserved = {"reserved_cpus": games * 0.02, "reserved_memory_bytes": games * (100 << 20)}
        names = [f"summer-cup-{number}{each:03}" for each in range(games)]
        role = "manager" if number <= 3 else "worker"
        yield fake.node(
            f"games-{number}", role=role, games=names, **reserved, **more.get(number, {})
        )


def _games(chance: random.Random) -> Iterator[Json]:
    for number in range(GAMES):
        season = chance.choice(("spring", "summer", "autumn", "winter"))
        status = chance.choices(("running", "stopped", "removed"), (93, 4, 3))[0]
        begun = chance.choice((90, 400, 4_000, 50_000, 900_000)) + chance.random() * 100
        last = operation(number, chance.choice(("start", "restart", "patch")), begun)
        if chance.random() < 0.05:
            last |= {"outcome": "failure", "kind": "patch", "error_code": "image_pull_failed"}
        if chance.random() < 0.01:
            last |= {"outcome": "open", "finished_at": None, "started_at": ago(12)}
        game = fake.overview(
            f"{season}-{chance.choice(('cup', 'duel', 'league'))}-{number:04}", status
        )
        if status == "running" and chance.random() < 0.06:
            game["health"] = chance.choice(("unhealthy", "unknown"))
        yield game | {"started_at": ago(begun), "last_operation": fake.brief(last)}


def _story() -> Json:
    open_now = {"outcome": "open", "finished_at": None, "duration_ms": None, "healthy": None}
    patch = operation(9, "patch", 5, image_ref=NEW, source="admin_rest", **open_now)
    patch["steps"] = [
        step("obtain_image", 5, 1800, note="pulled, 41 MB"),
        step("prepare_state", 3.2, 40),
        step("park", 3.1, 120),
        step("stop", 2.9, 900),
        step("create", 2, 350),
        step("start", 1.6, 500),
        step("watch_gate", 1.1, None),
    ]
    said = f"the engine did not become healthy within 30 s: no answer; {fake.IMAGE} runs as before"
    failed = operation(8, "patch", 900, image_ref=BROKEN, outcome="failure", phase="back")
    failed |= {"error_code": "container_start_failed", "error_message": said, "healthy": False}
    failed |= {"finished_at": ago(867), "duration_ms": 33_000.0, "downtime_ms": 31_200.0}
    failed["steps"] = [*patch["steps"][:-1], step("start", 868, 700, phase="back")]
    started = operation(7, "start", 86_000, source="lobby_stream", source_ref="1745872758104-0")
    summary = f"Being patched from {fake.IMAGE} to {NEW} by an operator for 5 s."
    found = fake.explanation(STORY, summary=summary, open_operation=patch, cause=started)
    return found | {"operations": [patch, failed, started], "since": ago(86_000)}


def _finding() -> Json:
    return {
        "game_id": "autumn-cup-0042",
        "kind": "observed_exit",
        "container_id": fake.CONTAINER,
        "sentence": "The record says running, but the engine has exited with code 137.",
        "action": "the record becomes stopped, and the exit is published",
        "retry_at": None,
    }


@contextmanager
def served(service: FakeService) -> Iterator[str]:
    """Serve it on loopback; yield the address of its console."""
    port = free_port()
    # Without its own configuration of the log, which would be that of the whole process.
    config = uvicorn.Config(service.app, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    try:
        yield f"http://127.0.0.1:{port}/console/"
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    """Write all pictures."""
    program = require_command("chromium", "chromium", print)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served(example()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=_SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
        for name, path in PAGES.items():
            page.goto(address + path)
            page.get_by_text("Live", exact=True).wait_for()
            page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
