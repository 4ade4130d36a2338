"""A service that asks for tokens."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from connexion.json_schema import Draft4RequestValidator, resolve_refs
from structlog.typing import EventDict

from rtmanager import spec_dir
from rtmanager.domain.node import NodeState
from rtmanager.handlers.access import Access
from rtmanager.handlers.api_tokens import ApiTokens, line_of
from rtmanager.handlers.endpoint import Handler
from rtmanager.handlers.metrics_page import METRICS_PATH
from rtmanager.handlers.swagger_ui import OPERATOR_SPEC_PATH, SPEC_PATH, SWAGGER_UI_PATH
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE, create_app
from tests.contract.caller import FOREIGN_PAGE, PAGES, RUNTIMES, Caller, Header
from tests.unit.domain.world import World

EVENTS = "/api/v1/operator/events"
OPERATORS = [
    (method.upper(), path.format(game_id="g1", operation_id=1, node="worker-1"))
    for path, methods in yaml.safe_load((spec_dir() / OPERATOR_SPEC_FILE).read_text())[
        "paths"
    ].items()
    for method in methods
]
"""Every operation of operators: what they see, and what they say of nodes."""
TOKEN: Header = (b"authorization", b"Bearer secret")


@pytest.fixture
def strict(table: Mapping[str, Handler], tmp_path: Path) -> Caller:
    """Return a client of a service that asks for tokens."""
    path = tmp_path / "tokens"
    path.write_text(line_of("gm-1", "gm", "secret"))
    access = Access(tokens=ApiTokens(path))
    return Caller(create_app(table, access, metrics=_metrics, validate_responses=True))


def _metrics(_accept: str) -> tuple[bytes, str]:
    return b"rtmanager_ready 1", "text/plain"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", *PAGES])
async def test_probes_and_pages_need_no_token(path: str, strict: Caller) -> None:
    """Load balancers have none, and the page is where a token is entered."""
    assert (await strict.get(path)).status in {200, 307}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", RUNTIMES),
        ("GET", f"{RUNTIMES}/g1"),
        ("POST", f"{RUNTIMES}/g1/restart"),
        ("DELETE", f"{RUNTIMES}/g1/container"),
        ("OPTIONS", RUNTIMES),
        *OPERATORS,
        ("HEAD", EVENTS),
        ("GET", METRICS_PATH),
        ("GET", "/nope"),
        ("GET", f"{SWAGGER_UI_PATH}nope"),
        ("GET", "/%68ealthz"),
        ("GET", f"/healthz%2F..{RUNTIMES}"),
    ],
)
async def test_everything_else_needs_a_token(
    method: str, path: str, strict: Caller, world: World
) -> None:
    """Without one no endpoint is called, and no path is revealed to exist."""
    answer = await strict.send(method, path)

    assert answer.error == (401, "invalid_request")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert world.manager.calls == []


@pytest.mark.parametrize(("method", "path"), [*OPERATORS, ("GET", METRICS_PATH)])
async def test_any_token_opens_what_operators_do(
    method: str, path: str, strict: Caller, world: World
) -> None:
    """There is one kind of token; its source only says who asked."""
    world.nodes.change(world.nodes.add("worker-1").id, state=NodeState.DOWN)
    asked = "HEAD" if path == EVENTS else method

    assert (await strict.send(asked, path, headers=[TOKEN])).status in {200, 404}


async def test_word_on_a_node_is_logged_with_its_holder(
    strict: Caller, world: World, log_lines: list[EventDict]
) -> None:
    """Games move by it: who has said it has to be found."""
    world.nodes.add("worker-1")
    await strict.send("POST", "/api/v1/operator/nodes/worker-1/drain", headers=[TOKEN])

    (line,) = [each for each in log_lines if each["event"] == "node_marked"]
    assert (line["node"], line["source"]) == ("worker-1", "gm_rest")


async def test_operation_is_logged_with_the_source_of_its_token(
    strict: Caller, world: World
) -> None:
    """The holder's source is recorded, whatever the caller says of itself."""
    claimed = (b"x-galaxy-caller", b"admin")
    answer = await strict.send("POST", f"{RUNTIMES}/g1/restart", headers=[TOKEN, claimed])

    assert answer.error == (404, "not_found")
    assert world.last.request.origin.source == "gm_rest"


async def test_token_does_not_open_the_door_for_a_foreign_page(
    strict: Caller, log_lines: list[EventDict]
) -> None:
    """A page of another site is refused with a token too, and the token is not logged."""
    answer = await strict.send("POST", f"{RUNTIMES}/g1/restart", headers=[TOKEN, *FOREIGN_PAGE])

    assert answer.error == (403, "invalid_request")
    assert [line["reason"] for line in log_lines if "reason" in line] == ["foreign_origin"]
    assert "secret" not in str(log_lines)


async def test_served_spec_announces_tokens(strict: Caller, caller: Caller) -> None:
    """Swagger UI gets its button, and each operation its 401, only where tokens are on."""
    with_tokens, without = (await strict.get(SPEC_PATH)).json, (await caller.get(SPEC_PATH)).json
    scheme = with_tokens["components"]["securitySchemes"]["token"]
    operations = [each for path in with_tokens["paths"].values() for each in path.values()]
    is_open = {each["operationId"] for each in operations if each.get("security") == []}

    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert with_tokens["security"] == [{"token": []}]
    assert is_open == {"internalHealthz", "internalReadyz"}
    assert all(("401" in each["responses"]) != ("security" in each) for each in operations)
    assert "security" not in json.dumps(without)


async def test_operators_spec_announces_tokens_too(strict: Caller) -> None:
    """Both pages have the button."""
    spec = (await strict.get(OPERATOR_SPEC_PATH)).json
    operations = [each for path in spec["paths"].values() for each in path.values()]

    assert spec["security"] == [{"token": []}]
    assert all("401" in each["responses"] for each in operations)


async def test_documented_401_is_what_is_sent(strict: Caller) -> None:
    """The answer without a token matches the schema that the served spec has for it."""
    spec = resolve_refs((await strict.get(SPEC_PATH)).json)
    documented = spec["paths"][RUNTIMES]["get"]["responses"]["401"]
    answer = await strict.get(RUNTIMES)

    Draft4RequestValidator(documented["content"]["application/json"]["schema"]).validate(
        answer.json
    )
    assert {name.lower() for name in documented["headers"]} <= answer.headers.keys()
