"""Each of our departures from Connexion, numbered as in docs/connexion.md.

Every test shows what plain Connexion does and what our application does. When Connexion's part
fails after an update, our correction is no longer needed.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from connexion import AsyncApp
from connexion.exceptions import ResolverError
from connexion.middleware.swagger_ui import SwaggerUIMiddleware
from connexion.options import SwaggerUIOptions
from connexion.spec import Specification
from connexion.validators import parameter
from jsonschema import Draft4Validator
from starlette.routing import Match, Route
from starlette.types import Scope
from structlog.typing import EventDict

from rtmanager import spec_dir
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call, Handler
from rtmanager.handlers.swagger_ui import SwaggerUi
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE, SPEC_FILE, create_app
from rtmanager.server.routes import Routes
from tests.contract.caller import JSON, RUNTIMES, Answer, Caller, Header

START = f"{RUNTIMES}/g1/start"
GOOD = b'{"image_ref": "galaxy/game:1.4.7"}'


async def accept(**arguments: Any) -> dict[str, Any]:
    """Answer any operation with the names of the arguments that Connexion passes to it."""
    return {"passed": sorted(arguments)}


def returning(answer: Any) -> Callable[..., Any]:
    """Return a handler that answers this to everything."""

    async def answer_it(**_: Any) -> Any:
        return answer

    return answer_it


def as_shipped(
    resolve: Callable[[str], Any] = lambda _: accept, spec: str = SPEC_FILE, **options: Any
) -> Caller:
    """Return a caller of a contract as plain Connexion serves it."""
    pages = SwaggerUIOptions(swagger_ui=False)
    app = AsyncApp(__name__, swagger_ui_options=pages, resolver=resolve, **options)
    app.add_api(yaml.safe_load((spec_dir() / spec).read_text(encoding="utf-8")))
    return Caller(app)


@pytest.fixture
def plain() -> Caller:
    """Return a caller of the contract as plain Connexion serves it."""
    return as_shipped()


@pytest.fixture
def operator() -> Caller:
    """Return a caller of the second contract as plain Connexion serves it."""
    return as_shipped(spec=OPERATOR_SPEC_FILE)


async def start(
    caller: Caller, body: bytes = GOOD, content_type: bytes | None = JSON[1], path: str = START
) -> Answer:
    """Start a game with this body."""
    headers: list[Header] = [(b"content-length", str(len(body)).encode())]
    if content_type is not None:
        headers.append((b"content-type", content_type))
    return await caller.send("POST", path, body=body, headers=headers)


async def test_1_paths_are_decoded_before_they_are_routed(plain: Caller, caller: Caller) -> None:
    """Connexion routes decoded paths, so an encoded slash can reach another operation."""
    path = f"{RUNTIMES}%2Fg1%2Fstart"

    assert (await start(plain, path=path)).json == {"passed": ["body", "game_id"]}
    assert (await start(caller, path=path)).error == (404, "not_found")


async def test_2_a_slash_too_many_is_redirected(plain: Caller, caller: Caller) -> None:
    """The contract has no redirects: a path with a trailing slash is a different path."""
    assert (await plain.get(f"{RUNTIMES}/")).status == 307
    assert (await caller.get(f"{RUNTIMES}/")).error == (404, "not_found")


async def test_3_an_unknown_caller_is_refused(plain: Caller, caller: Caller) -> None:
    """The contract's enum lists two callers, yet any other value counts as the admin."""
    header = (b"x-galaxy-caller", b"intruder")

    assert (await plain.send("GET", RUNTIMES, headers=[header])).status == 400
    assert (await caller.send("GET", RUNTIMES, headers=[header])).status == 200


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [("GET", "/nope", (404, "not_found")), ("PUT", RUNTIMES, (405, "invalid_request"))],
)
async def test_4_errors_are_problem_json(
    method: str, path: str, error: tuple[int, str], plain: Caller, caller: Caller
) -> None:
    """The contract has one error envelope, which applies to the framework's own errors too."""
    shipped = await plain.send(method, path)

    assert shipped.headers["content-type"] == "application/problem+json"
    assert (await caller.send(method, path)).error == error


@pytest.mark.parametrize(
    ("content_type", "shipped"),
    [
        (b"text/plain", 415),
        (None, 200),
        (b"application/json;charset=latin-1", 200),
        (b"application/json;charset=klingon", 500),
    ],
    ids=["415", "none", "other charset", "unknown charset"],
)
async def test_5_content_types_are_read_loosely(
    content_type: bytes | None, shipped: int, plain: Caller, caller: Caller
) -> None:
    """The contract accepts one content type and answers 400 to any other and to a missing one."""
    assert (await start(plain, content_type=content_type)).status == shipped
    assert (await start(caller, content_type=content_type)).error == (400, "invalid_request")


async def test_6_a_content_type_in_capitals_switches_validation_off(
    plain: Caller, caller: Caller
) -> None:
    """Media types are case-insensitive, so the JSON body must still be validated."""
    bad, capitals = b'{"force": true}', b"Application/JSON"

    assert (await start(plain, bad)).status == 400
    assert (await start(plain, bad, content_type=capitals)).status == 200
    assert (await start(caller, bad, content_type=capitals)).error == (400, "invalid_request")
    assert (await start(caller, GOOD, content_type=capitals)).status == 200


@pytest.mark.parametrize(
    ("body", "shipped"),
    [
        (b'{"image_ref": "\xff"}', 500),
        (b'{"image_ref":' + b"[" * 30_000, 500),
        (b'{"image_ref": ' + b"9" * 5_000 + b"}", 500),
        (GOOD[:-1] + b', "image_ref": "x"}', 200),
        (b'{"image_ref": "' + b"x" * 100_000 + b'"}', 200),
    ],
    ids=["not UTF-8", "deep nesting", "endless number", "duplicate key", "oversized"],
)
async def test_7_bodies_are_read_loosely(
    body: bytes, shipped: int, plain: Caller, caller: Caller
) -> None:
    """Malformed, ambiguous and oversized bodies are refused as the caller's error."""
    assert (await start(plain, body)).status == shipped
    assert (await start(caller, body)).error in {(400, "invalid_request"), (413, "invalid_request")}


async def test_8_a_body_without_its_length_is_taken_for_none(plain: Caller, caller: Caller) -> None:
    """A caller may send a chunked body without knowing its length beforehand."""
    assert (await plain.send("POST", START, body=GOOD, headers=[JSON])).status == 400
    assert (await caller.send("POST", START, body=GOOD, headers=[JSON])).status == 200


async def test_9_strictness_of_the_query_is_all_or_none(plain: Caller, caller: Caller) -> None:
    """Unknown query parameters are refused only where the contract documents 400."""
    strict = as_shipped(strict_validation=True)
    documented, undocumented = f"{START}?force=1", f"{RUNTIMES}?force=1"

    shipped = [(await start(each, path=documented)).status for each in (strict, plain)]
    shipped += [(await each.get(undocumented)).status for each in (strict, plain)]

    assert shipped == [400, 200, 400, 200]
    assert (await start(caller, path=documented)).error == (400, "invalid_request")
    assert (await caller.get(undocumented)).status == 200


async def test_10_an_unbound_operation_is_found_when_it_is_too_late(
    table: Mapping[str, Handler],
) -> None:
    """A missing handler fails when the application is built, not at the first request."""
    short = {name: each for name, each in table.items() if name != "internalStopRuntime"}
    plain = as_shipped(short.__getitem__)

    with pytest.raises((KeyError, ResolverError), match="internalStopRuntime"):
        await plain.get("/healthz")
    with pytest.raises(LookupError, match="internalStopRuntime has no handler"):
        create_app(short)


async def test_11_handlers_are_called_by_their_parameters(
    table: Mapping[str, Handler], log_lines: list[EventDict]
) -> None:
    """Our handlers take the whole call; Connexion would not pass them the headers."""

    async def handler(call: Call) -> JsonObject:
        return {"status": call.origin.source_ref}

    headers = [(b"x-request-id", b"abc")]
    plain = as_shipped(lambda _: handler)
    ours = Caller(create_app({**table, "internalHealthz": handler}))

    assert (await plain.send("GET", "/healthz", headers=headers)).status == 500
    assert (await ours.send("GET", "/healthz", headers=headers)).json == {"status": "abc"}
    assert log_lines == []


async def test_12_served_spec_loses_its_servers(plain: Caller, caller: Caller) -> None:
    """Swagger UI's server list would otherwise have one entry without an address."""
    assert (await plain.get("/openapi.json")).json["servers"] == [{"url": ""}]
    assert (await caller.get("/openapi.json")).json["servers"][0]["url"] == "./"


async def test_13_every_request_is_routed_for_swagger_ui() -> None:
    """Connexion's middleware routes every request; ours only compares the path."""
    routed: list[str] = []
    other = {"type": "http", "path": "/healthz"}

    async def app(*_: object) -> None:
        routed.append("app")

    async def router(*_: object) -> None:
        routed.append("router")

    both: list[tuple[Any, str]] = [
        (SwaggerUIMiddleware(app), "router"),
        (SwaggerUi(app, {}, {}), "pages"),
    ]
    for middleware, pages in both:
        setattr(middleware, pages, router)
        await middleware(other, None, None)

    assert routed == ["router", "app"]


def test_14_spec_is_taken_for_a_template(tmp_path: Path) -> None:
    """Braces in a description are template syntax to Connexion; we load the spec unrendered."""
    path = tmp_path / "spec.yaml"
    text = (spec_dir() / SPEC_FILE).read_text(encoding="utf-8")
    path.write_text(text.replace("title: Galaxy", "title: '{{ 6 * 7 }}' # Galaxy"))

    assert Specification.load(path)["info"]["title"] == "42"


def test_15_import_warns_of_what_others_deprecated() -> None:
    """The service starts even when the operator turns warnings into errors."""

    def imports(module: str) -> int:
        command = [sys.executable, "-W", "error::DeprecationWarning", "-c", f"import {module}"]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert imports("connexion.middleware") != 0
    assert imports("rtmanager.server.connexion_app") == 0


async def test_16_query_parameter_is_refused_without_its_name(
    operator: Caller, caller: Caller
) -> None:
    """Our refusal names the parameter, so that its sender finds it."""
    path = "/api/v1/operator/operations?limit=many"

    detail = (await operator.get(path)).json["detail"]
    assert detail.startswith("'many' is not of type 'integer'")
    assert "limit" not in detail
    assert "limit is 'many'" in (await caller.get(path)).message


async def test_17_long_number_in_a_path_is_a_defect(operator: Caller, caller: Caller) -> None:
    """Python does not read so many digits; ours is 400, as for all that is no id."""
    path = f"/api/v1/operator/operations/{'9' * 5_000}"

    assert (await operator.get(path)).status == 500
    assert (await caller.get(path)).error == (400, "invalid_request")


async def test_18_null_beside_all_of_is_taken_for_a_fault(table: Mapping[str, Handler]) -> None:
    """A property that is a named schema or null passes our validation of responses."""
    ours = Caller(create_app(table, validate_responses=True))
    await ours.start("g1")
    operation = (await ours.get("/api/v1/operator/operations/1")).json
    plain = as_shipped(lambda _: returning(operation), OPERATOR_SPEC_FILE, validate_responses=True)

    assert operation["error_code"] is None
    assert (await plain.get("/api/v1/operator/operations/1")).status == 500


async def test_19_validators_are_made_for_every_request(
    plain: Caller, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the spec says does not change between two requests, so ours are made once."""
    made: list[object] = []

    def counted(schema: Any, **options: Any) -> Any:
        made.append(schema)
        return Draft4Validator(schema, **options)

    monkeypatch.setattr(parameter, "Draft4Validator", counted)
    shipped = [(await plain.get(f"{RUNTIMES}/g1")).status for _ in range(2)]
    of_connexion = len(made)
    ours = [(await caller.get(f"{RUNTIMES}/g1")).status for _ in range(2)]

    assert (shipped, ours) == ([200, 200], [404, 404])
    assert (of_connexion, len(made)) == (2, 2)


async def test_20_routes_are_tried_one_after_the_other(
    plain: Caller, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours are looked up in one step; Connexion's router itself answers whatever is no route."""
    tried: list[Route] = []

    matches = Route.matches

    def counted(route: Route, scope: Scope) -> tuple[Match, Scope]:
        tried.append(route)
        return matches(route, scope)

    monkeypatch.setattr(Route, "matches", counted)

    async def tries(of: Caller, path: str) -> int:
        before = len(tried)
        await of.get(path)
        return len(tried) - before

    assert await tries(plain, f"{RUNTIMES}/g1") > 4
    assert await tries(caller, f"{RUNTIMES}/g1") == 0
    assert await tries(caller, "/nope") > 10


async def test_20_a_lookup_leads_where_the_router_does(
    table: Mapping[str, Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every path of both contracts, with every method and texts that occur in other paths."""
    reached: list[tuple[str, dict[str, str]]] = []

    def named(name: str) -> Handler:
        async def handler(call: Call) -> JsonObject:
            reached.append((name, call.scope["path_params"]))
            return {}

        return handler

    caller = Caller(create_app({name: named(name) for name in table}))
    paths = [path for each in (SPEC_FILE, OPERATOR_SPEC_FILE) for path in _paths(each)]
    texts = ["7", "start", "runtimes", "a%2Fb"]
    sent = {re.sub(r"{\w+}", text, path) for path in paths for text in texts}
    requests = list(product(["GET", "HEAD", "POST", "DELETE", "PUT"], sorted(sent)))

    async def results() -> Sequence[object]:
        reached.clear()
        statuses = [(await _call(caller, *each)).status for each in requests]
        return [*statuses, *reached]

    looked_up = await results()
    monkeypatch.setattr(Routes, "find", lambda *_: None)

    assert await results() == looked_up
    assert {name for name, _ in reached} == table.keys()


async def _call(caller: Caller, method: str, path: str) -> Answer:
    is_reason = "/nodes/" in path or path.endswith("/stop")
    body = b'{"reason": "finished"}' if is_reason else GOOD
    return await caller.send(method, path, body=body, headers=[JSON])


def _paths(spec_file: str) -> list[str]:
    document = yaml.load((spec_dir() / spec_file).read_bytes(), Loader=yaml.CSafeLoader)
    return list(document["paths"])
