"""Examples of the answers that several operations share, each shown only where it occurs."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

OPERATIONS = "x-operations"
"""Which operations an example of a shared answer belongs to; without it, all that share it."""

_PREFIX = "#/components/responses/"


def only_where_they_occur(document: Document) -> Document:
    """Return the spec with the shared answers written out at each operation."""
    shared = document.get("components", {}).get("responses", {})
    paths = {
        path: {method: _written_out(each, shared) for method, each in operations.items()}
        for path, operations in document.get("paths", {}).items()
    }
    return {**document, "paths": paths}


def _written_out(operation: Document, shared: Document) -> Document:
    name = operation["operationId"]
    answers = {
        status: _answer_of(name, shared[each["$ref"].removeprefix(_PREFIX)])
        if "$ref" in each
        else each
        for status, each in operation["responses"].items()
    }
    return {**operation, "responses": answers}


def _answer_of(operation: str, answer: Document) -> Document:
    content = {
        kind: {**each, "examples": _examples_of(operation, each["examples"])}
        if "examples" in each
        else each
        for kind, each in answer["content"].items()
    }
    return {**answer, "content": content}


def _examples_of(operation: str, examples: Document) -> Document:
    return {
        name: {key: value for key, value in each.items() if key != OPERATIONS}
        for name, each in examples.items()
        if operation in each.get(OPERATIONS, [operation])
    }
