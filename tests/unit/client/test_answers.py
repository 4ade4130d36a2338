"""The client's classes are the specifications' schemas; answers may have more, never less."""

import types
from dataclasses import MISSING, fields
from datetime import datetime
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from rtmanager import client
from rtmanager.client import Health, HealthState, RuntimeRecord, UnexpectedAnswer, answers, reports
from rtmanager.client.parsing import Answer, Malformed, read
from tests.unit.client.fake_service import FakeService, answered, client_of
from tests.unit.client.specs import SPECS, example, resolved

WITHOUT_CLASS = {
    *("ErrorResponse", "ErrorBody"),
    *("StartRequest", "StopRequest", "PatchRequest", "NodeMarkRequest"),
}
"""What is sent, and the envelope of errors."""
OTHER_NAMES = {"ProbeResponse": "Probe", "HealthEvent.event_type": "HealthEventType"}
SCHEMAS = [
    pytest.param(spec, name, schema, id=name)
    for spec in SPECS
    for name, schema in spec["components"]["schemas"].items()
    if name not in WITHOUT_CLASS
]
PLAIN = {"integer": int, "number": float, "boolean": bool, "string": str}


def class_of(name: str) -> Any:
    """Return the client's class of a schema."""
    name = OTHER_NAMES.get(name, name)
    return next(found for where in (client, answers, reports) if (found := vars(where).get(name)))


@pytest.mark.parametrize(("spec", "name", "schema"), SCHEMAS)
def test_class_is_its_schema(spec: Any, name: str, schema: Any) -> None:
    """Every property has its field, of its type, optional where the schema says so."""
    kind = class_of(name)
    if "enum" in schema:
        assert [each.value for each in kind] == schema["enum"]
        return
    found = {each.name: each for each in fields(kind) if each.name != "json"}
    hints = get_type_hints(kind)

    assert found.keys() == schema["properties"].keys()
    required = {each for each in found if found[each].default is MISSING}
    assert required == set(schema["required"])
    for each, defined in schema["properties"].items():
        assert_type_of(hints[each], resolved(spec, defined), spec)


def assert_type_of(hint: Any, schema: Any, spec: Any) -> None:
    """Fail unless a field's type is what the schema says."""
    is_union = isinstance(hint, types.UnionType)
    assert is_union == bool(schema.get("nullable"))
    kind = get_args(hint)[0] if is_union else hint
    if schema["type"] == "array":
        assert_type_of(get_args(kind)[0], resolved(spec, schema["items"]), spec)
    elif schema["type"] == "object":
        assert get_origin(kind) or issubclass(kind, Answer)
    elif schema.get("format") == "date-time":
        assert kind is datetime
    elif "enum" in schema:
        known = {each.value for each in kind} if issubclass(kind, Enum) else set()
        assert known >= set(schema["enum"])
    elif not (isinstance(kind, type) and issubclass(kind, Enum)):
        assert kind is PLAIN[schema["type"]]


def record(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a record."""
    spec = SPECS[0]
    return {**example(spec, spec["components"]["schemas"]["RuntimeRecord"]), **changes}


def test_new_property_of_a_newer_service_passes() -> None:
    """A property that the client does not know is in `json`, and nowhere in the way."""
    answer = read(RuntimeRecord, record(colour="green"))

    assert answer.game_id == "text"
    assert answer.json["colour"] == "green"


def test_new_value_of_a_newer_service_passes() -> None:
    """A value that the client does not know is equal to its text, and to no known member."""
    answer = read(RuntimeRecord, record(status="frozen"))

    assert answer.status == "frozen"
    assert answer.status not in list(client.RuntimeStatus)
    assert HealthState("dreaming").name == "dreaming"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"status": None}, "status: unexpected null"),
        ({"created_at": 5}, "created_at: unexpected a value of type int"),
        ({"created_at": "today"}, "created_at: Invalid isoformat string: 'today'"),
        ({"game_id": True}, "game_id: unexpected a value of type bool"),
    ],
)
def test_wrong_value_is_named(changes: dict[str, Any], fault: str) -> None:
    """A value of a wrong type is refused with the name of its property."""
    with pytest.raises(Malformed) as refused:
        read(RuntimeRecord, record(**changes))

    assert str(refused.value) == fault


async def test_missing_property_is_named_with_its_place() -> None:
    """An answer that lacks something is no answer of this contract, and says where."""
    spec = SPECS[1]
    document = example(spec, spec["components"]["schemas"]["Health"])
    del document["last_event"]["details"]
    service = FakeService(answered(document))

    async with client_of(service) as rtm:
        with pytest.raises(UnexpectedAnswer) as refused:
            await rtm.health("g")

    assert "last_event: HealthEvent lacks 'details'" in refused.value.message
    assert refused.value.status == 200


def test_answers_compare_by_what_they_say() -> None:
    """Two answers with the same values are equal, whatever else was received."""
    spec = SPECS[1]
    document = example(spec, spec["components"]["schemas"]["Health"])

    assert read(Health, document) == read(Health, {**document, "colour": "green"})
    assert "colour" not in repr(read(Health, {**document, "colour": "green"}))
