from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rtmanager import spec_dir
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.operation import (
    ActionName,
    OperationKind,
    OpSource,
    Outcome,
    Phase,
    StepResult,
    StopReason,
)
from rtmanager.domain.runtime import RuntimeStatus

SPEC = spec_dir() / "internal-openapi.yaml"
OPERATOR_SPEC = spec_dir() / "operator-openapi.yaml"
CONTRACTS = {
    SPEC: Path(__file__).with_name("internal-openapi.structure.yaml"),
    OPERATOR_SPEC: Path(__file__).with_name("operator-openapi.structure.yaml"),
}
BOTH = pytest.mark.parametrize("file", CONTRACTS, ids=["internal", "operator"])
PROSE = {"contact", "description", "example", "examples", "externalDocs", "license", "links"}
PROSE |= {"summary"}
NAMING = {"parameters", "paths", "properties", "responses", "schemas"}


def structure(node: Any, *, keys_are_names: bool = False) -> Any:
    """Return the node without its prose, keeping properties that are named `description`."""
    if isinstance(node, Mapping):
        return {
            str(key): structure(value, keys_are_names=key in NAMING and not keys_are_names)
            for key, value in node.items()
            if keys_are_names or not (key in PROSE or str(key).startswith("x-"))
        }
    if isinstance(node, list):
        return sorted(map(structure, node), key=repr)
    return node


def load(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@BOTH
def test_spec_has_exactly_the_structure_of_the_contract(file: Path) -> None:
    """Paths, operationIds, parameters, bodies, answers and schemas match the contract exactly.

    That of the Lobby and the Game Master never changes. That of operators may grow, in both files,
    but what scripts rely on stays.
    """
    assert structure(load(file)) == structure(load(CONTRACTS[file]))


@BOTH
def test_every_operation_and_field_is_described(file: Path) -> None:
    """Swagger UI explains every operation, parameter, body, answer, schema and field."""
    spec = load(file)
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    parts = spec["components"]
    fields = [field for schema in parts["schemas"].values() for field in fields_of(schema)]
    described = [*operations, *parts["parameters"].values(), *parts["schemas"].values(), *fields]
    described += parts["responses"].values()
    described += [each["requestBody"] for each in operations if "requestBody" in each]
    described += [named for each in operations for named in each.get("parameters", ())]
    described += [answer for each in operations for answer in each["responses"].values()]

    silent = [part for part in described if not part.get("description") and "$ref" not in part]

    assert silent == []


def test_every_error_code_is_explained() -> None:
    """The table at ErrorCode names each code of its enum."""
    schema = load(SPEC)["components"]["schemas"]["ErrorCode"]

    unexplained = [code for code in schema["enum"] if f"`{code}`" not in schema["description"]]

    assert unexplained == []


def test_every_stop_reason_is_one_of_the_service() -> None:
    """The spec and the service have the same reasons, and the spec explains each."""
    schema = load(SPEC)["components"]["schemas"]["StopReason"]

    assert schema["enum"] == list(StopReason)
    assert [each for each in schema["enum"] if f"`{each}`" not in schema["description"]] == []


def test_both_specs_have_the_same_codes_and_envelope() -> None:
    """An error means the same in both, and the service has no other codes."""
    internal, operator = (load(each)["components"]["schemas"] for each in (SPEC, OPERATOR_SPEC))

    assert operator["ErrorCode"]["enum"] == internal["ErrorCode"]["enum"] == list(ErrorCode)
    for schema in ("ErrorResponse", "ErrorBody"):
        assert structure(operator[schema]) == structure(internal[schema])


def test_operator_spec_lists_the_values_of_the_service() -> None:
    """Kinds, sources, actions and phases are those that the operation log has."""
    schemas = load(OPERATOR_SPEC)["components"]["schemas"]

    assert schemas["OperationKind"]["enum"] == list(OperationKind)
    assert schemas["OperationSource"]["enum"] == list(OpSource)
    assert schemas["Phase"]["enum"] == list(Phase)
    assert schemas["RuntimeStatus"]["enum"] == list(RuntimeStatus)
    assert schemas["HealthState"]["enum"] == list(HealthState)
    assert schemas["Outcome"]["enum"] == ["open", *Outcome]
    assert schemas["Step"]["properties"]["action"]["enum"] == list(ActionName)
    assert schemas["Step"]["properties"]["result"]["enum"] == ["running", *StepResult]


def fields_of(schema: Mapping[str, Any]) -> list[Any]:
    """Return the fields of an object schema."""
    return list(schema.get("properties", {}).values())
