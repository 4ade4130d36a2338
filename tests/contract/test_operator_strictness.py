"""Every operation of the operators' contract is as strict as those of the internal one.

A test asks all of them on one application, and names those that answer otherwise.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.domain.node import NodeState
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call, Handler
from rtmanager.handlers.errors import STATUS_OF_CODE
from rtmanager.server.connexion_app import OPERATOR_SPEC_FILE, create_app
from tests.contract.caller import FOREIGN_PAGE, Answer, Caller
from tests.unit.domain.world import GAME, World

SPECIFIED = yaml.safe_load((spec_dir() / OPERATOR_SPEC_FILE).read_text())["paths"]
NODE = "worker-1"
OPERATIONS: Mapping[str, Any] = {
    text["operationId"]: text for methods in SPECIFIED.values() for text in methods.values()
}
PATHS: Mapping[str, str] = {
    text["operationId"]: path.format(game_id=GAME, operation_id=1, node=NODE)
    for path, methods in SPECIFIED.items()
    for text in methods.values()
}
"""The path of each, of a game, an operation and a node that exist."""
METHODS: Mapping[str, str] = {
    text["operationId"]: method.upper()
    for methods in SPECIFIED.values()
    for method, text in methods.items()
}
MARKING = [name for name, method in METHODS.items() if method == "POST"]
STREAM, LOGS = "operatorStreamEvents", "operatorReadLogs"
ENDING = {name: path for name, path in PATHS.items() if name not in {STREAM, *MARKING}}
"""Those that read, and whose answer ends."""
STORE_CALLS = {
    "operatorListRuntimes": "records.list",
    "operatorExplainRuntime": "records.get",
    LOGS: "records.get",
    "operatorGetHealth": "records.get",
    "operatorListHealth": "records.list",
    "operatorListOperations": "history.find",
    "operatorGetOperation": "history.get",
    STREAM: "operator_events.latest",
    "operatorListDrift": "records.list",
    "operatorListNodes": "nodes.list_nodes",
    **dict.fromkeys(MARKING, "nodes.list_nodes"),
}
"""A call that each makes; what the workers' answer lacks is named in it instead."""


@pytest.fixture(autouse=True)
async def _game(caller: Caller, world: World) -> None:
    await caller.start(GAME)
    world.nodes.change(world.nodes.add(NODE).id, state=NodeState.DOWN)


async def ask(caller: Caller, name: str, more: str = "") -> Answer:
    """Call an operation as it is specified, without a body."""
    return await caller.send(METHODS[name], PATHS[name] + more)


def others(
    answers: Mapping[str, Answer], status: int, code: str, words: str = ""
) -> Mapping[str, Any]:
    """Return the answers that are not this error with these words in its message."""
    return {
        asked: answer.body
        for asked, answer in answers.items()
        if answer.error != (status, code) or words not in answer.message
    }


def parameters(name: str) -> Iterable[str]:
    """Return the query parameters of an operation."""
    described = (each for each in OPERATIONS[name].get("parameters", []) if "$ref" not in each)
    return [each["name"] for each in described if each["in"] == "query"]


def test_nothing_changes_but_by_what_is_said_of_nodes() -> None:
    """The actions on games are those of the internal contract."""
    assert set(METHODS.values()) == {"GET", "POST"}
    assert MARKING == ["operatorMarkNodeLost", "operatorDrainNode", "operatorActivateNode"]


async def test_unknown_parameter_is_refused(caller: Caller) -> None:
    """The message names it, and those that are known."""
    answers = {name: await ask(caller, name, "?force=1&%ff=%00") for name in PATHS}

    said = "the query has an unknown parameter: 'force'"
    assert others(answers, 400, "invalid_request", said) == {}


@pytest.mark.parametrize("query", ["{0}=", "{0}", "{0}=1&{0}=2"])
async def test_parameter_that_is_empty_or_repeated_is_refused_by_name(
    query: str, caller: Caller
) -> None:
    """It is never taken for its default."""
    asked = [(name, each) for name in PATHS for each in parameters(name)]
    answers = [
        (each, await caller.get(f"{PATHS[name]}?{query.format(each)}")) for name, each in asked
    ]

    assert len(answers) > 15
    assert [others({each: answer}, 400, "invalid_request", each) for each, answer in answers] == [
        {}
    ] * len(answers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_other_method_is_told_the_allowed_ones(method: str, caller: Caller) -> None:
    """The answer says what can be done."""
    asked = [name for name in PATHS if METHODS[name] != method]
    answers = {name: await caller.send(method, PATHS[name]) for name in asked}

    assert others(answers, 405, "invalid_request") == {}
    allowed = {name: "POST" if name in MARKING else "GET, HEAD" for name in asked}
    assert {name: each.headers["allow"] for name, each in answers.items()} == allowed


async def test_head_is_get(caller: Caller) -> None:
    """The server omits the body; what is announced is the same."""
    got = [await caller.get(path) for path in ENDING.values()]
    heads = [await caller.send("HEAD", path) for path in ENDING.values()]

    assert {each.status for each in [*got, *heads]} == {200}
    announced = [[each.headers["content-type"] for each in answers] for answers in (got, heads)]
    assert announced[0] == announced[1]


@pytest.mark.parametrize("body", [b"garbage", b"\xff" * 100_000, b'{"a": 1, "a": 2}'])
async def test_body_is_ignored(body: bytes, caller: Caller) -> None:
    """None is described; a body and its type change nothing."""
    headers = [(b"content-type", b"\xff;garbage")]
    answers = [
        await caller.send("GET", path, body=body, headers=headers) for path in ENDING.values()
    ]

    assert {each.status for each in answers} == {200}


async def test_slash_at_the_end_gets_a_hint(caller: Caller) -> None:
    """A path is there once."""
    answers = {name: await ask(caller, name, "/") for name in PATHS}

    assert others(answers, 404, "not_found", "without the slash") == {}


async def test_answer_that_breaks_the_contract_is_a_defect(table: Mapping[str, Handler]) -> None:
    """The answers of all these tests are checked against the specification."""

    async def nonsense(_: Call) -> JsonObject:
        return {"state": "ok"}

    in_json = PATHS.keys() - {LOGS, STREAM}
    caller = Caller(
        create_app({**table, **dict.fromkeys(in_json, nonsense)}, validate_responses=True)
    )
    answers = {name: await ask(caller, name) for name in in_json}

    assert others(answers, 500, "internal_error") == {}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ServiceUnavailable("Postgres does not answer"), ErrorCode.SERVICE_UNAVAILABLE),
        (RuntimeError("a secret DSN"), ErrorCode.INTERNAL_ERROR),
    ],
    ids=["away", "defect"],
)
async def test_fault_has_its_documented_code(
    fault: Exception, code: ErrorCode, caller: Caller, world: World
) -> None:
    """What is away is 503; a defect is 500 and reveals nothing. The specification lists both."""
    answers, status = {}, STATUS_OF_CODE[code]
    for name, call in STORE_CALLS.items():
        world.manager.on(call, fault)
        answers[name] = await ask(caller, name)

    assert others(answers, status, code) == {}
    assert not [each for each in answers.values() if "secret" in each.message]
    assert all(str(status) in each["responses"] for each in OPERATIONS.values())


async def test_page_of_another_site_reads_nothing(caller: Caller) -> None:
    """A browser is told by no header that it may show the answer to the page."""
    answers = [await caller.send("HEAD", path, headers=FOREIGN_PAGE) for path in ENDING.values()]
    sent = {name for answer in answers for name in answer.headers}

    assert not [each for each in sent if each.startswith("access-control")]
    policies = {each.headers["cross-origin-resource-policy"] for each in answers}
    assert policies == {"same-origin"}
