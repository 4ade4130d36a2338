"""Hooks for Schemathesis: steer generated requests and ignore the only two expected failures.

Schemathesis loads this module in its own process. Every request passes `steer`, in every phase,
so that no generated image reference reaches an outside registry and some requests hit running
games. Choices depend only on the generated values, so a failing request can be replayed.
"""

import json
import os
import re
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation

REGISTRY_VARIABLE = "FUZZING_REGISTRY"
GAMES_VARIABLE = "FUZZING_GAMES"

DEMO_IMAGES = ("galaxy/game:1.4.7", "galaxy/game:1.4.8", "galaxy/game:1.5.0")
CALLER = "X-Galaxy-Caller"
KNOWN_CALLERS = ("gm", "admin")
START = "internalStartRuntime"
LOGS = "operatorReadLogs"
STREAM = "operatorStreamEvents"
"""Never ends, so that it is not fuzzed; it has tests of its own."""
LIVE_GAMES = 4
FIRST_OPERATIONS = 40
"""As many operations as there surely are after a run."""

DURATIONS = ("0s", "20ms")
TIMES = ("10m", "0s", "2026-04-28T20:39:18Z")


def live_games() -> list[str]:
    """Return the ids of the few games that really run during fuzzing."""
    return [f"{os.environ[GAMES_VARIABLE]}-{number}" for number in range(LIVE_GAMES)]


def missing_image(text: str) -> str:
    """Derive a well-formed reference to an image that never exists from generated text."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "empty"
    return f"{os.environ[REGISTRY_VARIABLE]}/missing/{name}:1.4.{_choice(text) % 100}"


def steer(case: Any) -> None:
    """Point a generated request at live games and demo images, or at a missing image.

    Operations that answer 404 to unknown games keep their generated ids, however strange. A start
    needs a valid id; an id of no live game gets a missing image, which limits the number of
    containers.
    """
    game = (case.path_parameters or {}).get("game_id")
    if game is not None:
        case.path_parameters["game_id"] = _steered_game(case, str(game))
    _steer_to_an_operation(case)
    _steer_query(case)
    if isinstance(case.body, dict) and isinstance(case.body.get("image_ref"), str):
        is_live = (case.path_parameters or {}).get("game_id") in live_games()
        case.body = {
            **case.body,
            "image_ref": _steered_image(case.body["image_ref"], is_live=is_live),
        }


def _steer_to_an_operation(case: Any) -> None:
    """Let most valid operation ids be those of operations that exist."""
    operation_id = (case.path_parameters or {}).get("operation_id")
    if not isinstance(operation_id, int) or operation_id <= FIRST_OPERATIONS:
        return
    if _choice(str(operation_id)) % 3:
        case.path_parameters["operation_id"] = operation_id % FIRST_OPERATIONS + 1


def _steer_query(case: Any) -> None:
    """Give parameters values that their schema, which knows only texts, does not tell.

    Nobody can make up a cursor; a response that follows an engine's output would not end.
    """
    query = case.query or {}
    is_of_logs = case.operation.definition.raw.get("operationId") == LOGS
    shelves = {"since": TIMES} if is_of_logs else {"wait": DURATIONS}
    for name, shelf in shelves.items():
        if isinstance(query.get(name), str) and query[name]:
            query[name] = shelf[_choice(query[name]) % len(shelf)]
    if isinstance(query.get("cursor"), str) and query["cursor"]:
        del query["cursor"]
    if str(query.get("follow")).lower() == "true":
        query["follow"] = "false"


def is_unknown_caller(failure: Failure, case: Any) -> bool:
    """Return whether the only fault of an accepted request is its unknown caller, as intended."""
    if not isinstance(failure, AcceptedNegativeData) or case.meta is None:
        return False
    if CALLER not in case.headers or case.headers[CALLER] in KNOWN_CALLERS:
        return False
    others = set(ParameterLocation) - {ParameterLocation.HEADER, ParameterLocation.UNKNOWN}
    return not any(case.meta.is_negative_at(location) for location in others)


def is_missing_image(failure: Failure, case: Any, response: Any) -> bool:
    """Return whether the failure only reports that a generated image does not exist."""
    if failure.checks != ("not_a_server_error",) or response.status_code != 500:
        return False
    reference = case.body.get("image_ref", "") if isinstance(case.body, dict) else ""
    is_generated = str(reference).startswith(f"{os.environ[REGISTRY_VARIABLE]}/missing/")
    code = json.loads(response.content)["error"]["code"]
    return is_generated and code == "image_pull_failed"


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """Steer every request just before it is sent."""
    steer(case)


@schemathesis.hook
def filter_failure(_context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Ignore the two failures that the contract expects, and nothing else."""
    return not (is_unknown_caller(failure, case) or is_missing_image(failure, case, response))


def _steered_game(case: Any, game: str) -> str:
    if game in live_games():
        return game
    if _choice(game) % 3:
        return live_games()[_choice(game) % LIVE_GAMES]
    is_start = case.operation.definition.raw.get("operationId") == START
    return f"{os.environ[GAMES_VARIABLE]}-never-{_choice(game) % 1000}" if is_start else game


def _steered_image(image_ref: str, *, is_live: bool) -> str:
    if not is_live:
        return missing_image(image_ref)
    if image_ref in DEMO_IMAGES:
        return image_ref
    shelf = [*DEMO_IMAGES, missing_image(image_ref)]
    return shelf[_choice(image_ref) % len(shelf)]


def _choice(text: str) -> int:
    """Return a stable pseudo-random number for a text.

    The text may come from an earlier answer, so names that differ from run to run are normalised.
    """
    for variable in (GAMES_VARIABLE, REGISTRY_VARIABLE):
        text = text.replace(os.environ[variable], variable)
    return crc32(text.encode("utf-8", "surrogatepass"))
