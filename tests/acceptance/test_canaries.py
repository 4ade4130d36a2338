"""Each secret has a unique text, which must appear nowhere but where it belongs."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import psutil
import psycopg
import pytest
from psycopg import sql
from redis import Redis

from tests.acceptance.canaries import (
    NO_REGISTRY,
    PASSWORD_OF_POSTGRES,
    PASSWORD_OF_REDIS,
    POSTGRES,
    REDIS,
    REGISTRY,
    TRACES,
    USER,
    Servers,
    role_of_postgres,
    songs,
)
from tests.support.calls import wait_until
from tests.support.environment import image_of, new_game
from tests.support.event_stream import following
from tests.support.running_service import RUNTIMES, RunningService
from tests.support.warm_start import warm_python

REFUSALS = ("password authentication failed", "invalid username-password pair")
ENDED_WITHIN = 20.0
OPERATOR = "/api/v1/operator"
OPERATORS = [
    *("/metrics", "/openapi.json", "/operator-openapi.json"),
    *(f"{OPERATOR}/{each}" for each in ("runtimes", "operations", "health", "drift", "workers")),
]
OF_A_GAME = ("explain", "logs", "health")
TABLES: LiteralString = (
    "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN"
    " ('pg_catalog', 'information_schema')"
)


@pytest.fixture(scope="module")
def shared_servers(
    service_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Return servers with a user of our own, and a config file for a registry."""
    directory = tmp_path_factory.mktemp("canaries")
    login = base64.b64encode(f"user:{REGISTRY}".encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {NO_REGISTRY: {"auth": login}}}))
    host, _, port = service_settings["redis_master_addr"].partition(":")
    dsn = service_settings["postgres_primary_dsn"]
    with Redis(host=host, port=int(port)) as redis, role_of_postgres(dsn):
        made = Servers(service_settings, redis, directory)
        made.give_passwords(PASSWORD_OF_POSTGRES, PASSWORD_OF_REDIS)
        yield made


@pytest.fixture
def servers(shared_servers: Servers) -> Servers:
    """Return the servers, and forget what was heard in the test before."""
    shared_servers.heard.clear()
    return shared_servers


@pytest.fixture
def run(servers: Servers) -> Callable[..., int]:
    """Return a function that runs a command to its end, and hears its output."""

    def command(*arguments: str, **settings: str) -> int:
        log = servers.directory / "command.log"
        log.unlink(missing_ok=True)
        variables = {f"RTMANAGER_{name.upper()}": value for name, value in settings.items()}
        address = {"RTMANAGER_INTERNAL_HTTP_ADDR": "127.0.0.1:0"} if "serve" in arguments else {}
        process = warm_python().start(["rtmanager", *arguments], variables | address, log)
        try:
            code = process.wait(ENDED_WITHIN)
        finally:
            process.kill()
        servers.hear(log.read_text())
        return code

    return command


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., RunningService]]:
    """Return a function that starts the service with its traces on standard output."""
    started: list[RunningService] = []

    def start(settings: dict[str, str]) -> RunningService:
        made = RunningService.of(settings, tmp_path / "service.log")
        traces = {
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={TRACES}",
        }
        made.variables = {**made.variables, **traces}
        made.start()
        started.append(made)
        return made

    yield start
    for each in started:
        each.stop()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_leaves_the_running_service(
    servers: Servers, service: Callable[..., RunningService], docker_api: Any, form: str
) -> None:
    """Neither in lines, answers, rows, traces nor processes, while its servers refuse it."""
    settings = servers.settings_from_files if form == "json" else servers.settings
    running = service(settings(log_format=form, probe_interval="100ms", reconcile_interval="1s"))
    game = new_game()
    _ask_for_everything(servers, running, game)
    _ask(servers, running, "POST", f"{RUNTIMES}/{game}/start", {"image_ref": image_of("1.4.7")})
    _hear_what_is_stored(servers, running, docker_api)

    with servers.other_passwords():
        wait_until(lambda: _ask(servers, running, "GET", "/readyz") == 503)
        _ask(servers, running, "GET", "/metrics")
        _ask(servers, running, "GET", f"{OPERATOR}/workers")
        _ask(servers, running, "GET", f"{RUNTIMES}/{game}")
    wait_until(lambda: _ask(servers, running, "GET", "/readyz") == 200)
    _see_everything(servers, running, game)
    _hear_what_is_stored(servers, running, docker_api)
    assert running.stop() == 0
    servers.hear(running.log)

    assert [each for each in REFUSALS if each not in running.log] == []
    assert f"/galaxy-game-{game}" in "\n".join(servers.heard)
    assert '"trace_id"' in running.log
    servers.assert_silent()


def _ask_for_everything(servers: Servers, running: RunningService, game: str) -> None:
    """Make the requests that fail in the most verbose ways, and hear the answers."""
    image = {"image_ref": f"{NO_REGISTRY}/galaxy/game:1.4.7"}
    _ask(servers, running, "GET", "/readyz")
    _ask(servers, running, "GET", RUNTIMES)
    _ask(servers, running, "POST", f"{RUNTIMES}/{game}/start", image)
    _ask(servers, running, "POST", f"{RUNTIMES}/{game}/start", {"image_ref": 1})
    _ask(servers, running, "POST", f"{RUNTIMES}/{game}/restart")


def _see_everything(servers: Servers, running: RunningService, game: str) -> None:
    """Hear all that operators can see."""
    seen = [*OPERATORS, *(f"{OPERATOR}/runtimes/{game}/{each}" for each in OF_A_GAME)]
    pages = ("", "service", f"games/{game}?log=1", f"games/{game}/operations")
    for path in (*seen, *(f"/console/{page}" for page in pages)):
        _ask(servers, running, "GET", path)
    with following(running, after="0-0-0") as events:
        servers.hear([next(events).data for _ in range(3)])


def _ask(
    servers: Servers, running: RunningService, method: str, path: str, body: object = None
) -> int:
    """Send a request, hear the answer, and return its status."""
    answer = running.request(method, path, json=body, timeout=30)
    servers.hear(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
    return answer.status_code


def _hear_what_is_stored(servers: Servers, running: RunningService, docker_api: Any) -> None:
    with psycopg.connect(servers.dsn) as connection:
        tables = connection.execute(TABLES).fetchall()
        for table in tables:
            rows = connection.execute(sql.SQL("TABLE {}").format(sql.Identifier(*table)))
            servers.hear([list(row) for row in rows])
        sessions = "SELECT application_name, query FROM pg_stat_activity WHERE usename = %s"
        servers.hear([list(row) for row in connection.execute(sessions, [USER])])
    servers.hear([each["name"] for each in servers.redis.client_list()])
    containers = docker_api.containers(
        all=True, filters={"network": servers.given["docker_network"]}
    )
    servers.hear([docker_api.inspect_container(each["Id"]) for each in containers])
    process = psutil.Process(running.pid)
    servers.hear([each.cmdline() for each in (process, *process.children(recursive=True))])


def test_no_secret_is_in_what_the_commands_print(servers: Servers, run: Callable[..., int]) -> None:
    """What an operator pastes into a ticket is masked."""
    for settings in (servers.settings(), servers.settings_from_files()):
        assert run("check-config", **settings) == 0
        assert run("check-config", "--json", **settings) == 0
        assert run("migrate", **settings) == 0
        run("doctor", **settings)
        run("doctor", "--json", **settings)

    assert "**********" in "".join(servers.heard)
    servers.assert_silent()


ENCODED = quote(PASSWORD_OF_POSTGRES, safe="")


@pytest.mark.parametrize(
    "wrong",
    [
        {"postgres_primary_dsn": f"postgresql://{USER}:wrong{ENCODED}@127.0.0.1:{{port}}/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:{ENCODED}@127.0.0.1:9/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:{ENCODED}@no-such.invalid/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:{ENCODED}@127.0.0.1:{{port}}/missing"},
        {"postgres_primary_dsn": f"postgresql://{USER}:a@{POSTGRES}@127.0.0.1:{{port}}/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:{POSTGRES}/b@127.0.0.1:{{port}}/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:12/{POSTGRES}@127.0.0.1:{{port}}/postgres"},
        {"postgres_primary_dsn": f"postgresql://{USER}:%zz{POSTGRES}@127.0.0.1/postgres"},
        {"postgres_primary_dsn": f"host=127.0.0.1 password=a {POSTGRES}"},
        {"postgres_primary_dsn": POSTGRES},
        {"postgres_primary_dsn_file": POSTGRES},
        {"redis_password": f"wrong{REDIS}"},
        {"redis_password": REDIS, "redis_password_file": "/run/secrets/redis"},
        {"redis_password_file": REDIS},
        {"redis_master_addr": f"user:{REDIS}@127.0.0.1:6379"},
        {"redis_master_addr": f"redis://:{REDIS}@127.0.0.1:6379/0"},
        {"docker_host": f"tcp://user:{REGISTRY}@127.0.0.1:2375"},
        {"log_level": REDIS},
    ],
    ids=str,
)
def test_no_secret_is_in_the_fault_of_a_failing_start(
    servers: Servers, run: Callable[..., int], wrong: dict[str, str]
) -> None:
    """Whichever way a secret is wrong, or in the wrong place, the reason does not repeat it."""
    port = str(servers.parameters["port"])
    settings = servers.settings()
    if any(name.endswith("_file") for name in wrong):
        settings.pop(next(iter(wrong)).removesuffix("_file"), None)
    changed = {name: value.replace("{port}", port) for name, value in wrong.items()}

    codes = [run(command, **(settings | changed)) for command in ("serve", "check-config")]

    assert codes[0] == 1
    servers.assert_silent()


def test_a_planted_leak_is_heard(servers: Servers) -> None:
    """These tests would notice a secret, in any of its forms."""
    for song in songs():
        servers.heard = [f"the password is {song}!"]
        with pytest.raises(AssertionError):
            servers.assert_silent()
