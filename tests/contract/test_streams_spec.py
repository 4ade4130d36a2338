from collections.abc import Iterator, Mapping
from copy import deepcopy
from enum import StrEnum
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from rtmanager import spec_dir
from rtmanager.adapters.redis.stream_entries import DeadOrigin, dead_letter
from rtmanager.adapters.redis.streams import SPEC, Channel, StreamLayout, StreamSchemas
from rtmanager.domain.completion import replayed
from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import HealthEventType
from rtmanager.domain.messages import (
    OutboxMessage,
    OutboxStream,
    announcements,
    health_message,
)
from rtmanager.domain.operation import Cause, OperationKind, Outcome, StopReason
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.texts import MAX_TEXT
from tests.builders import IMAGE, NOON, make_completion, make_event, make_job, make_record
from tests.contract.caller import RUNTIMES, Caller

SCHEMAS = StreamSchemas.load()
SPECIFICATION: dict[str, Any] = yaml.safe_load((spec_dir() / SPEC).read_text(encoding="utf-8"))
COMPONENTS = SPECIFICATION["components"]
ASYNCAPI = Draft7Validator(
    yaml.safe_load(Path(__file__).with_name("asyncapi-3.0.schema.yaml").read_text(encoding="utf-8"))
)

CHANNELS = {
    OutboxStream.JOB_RESULTS: Channel.JOB_RESULTS,
    OutboxStream.HEALTH_EVENTS: Channel.HEALTH_EVENTS,
    OutboxStream.NOTIFICATION_INTENTS: Channel.NOTIFICATION_INTENTS,
}

DETAILS: dict[HealthEventType, dict[str, object]] = {
    HealthEventType.CONTAINER_STARTED: {"image_ref": IMAGE},
    HealthEventType.CONTAINER_EXITED: {"exit_code": 137, "oom": False},
    HealthEventType.CONTAINER_OOM: {"exit_code": 137},
    HealthEventType.CONTAINER_DISAPPEARED: {},
    HealthEventType.INSPECT_UNHEALTHY: {
        "reason": "Docker's health check fails",
        "restart_count": 0,
        "state": "running",
        "health": "unhealthy",
    },
    HealthEventType.PROBE_FAILED: {"consecutive_failures": 3, "error": "connection refused"},
    HealthEventType.PROBE_RECOVERED: {"prior_failures": 3},
}

JOB = {"game_id": "chess-7", "image_ref": IMAGE, "requested_at_ms": "1772366400123"}


def examples() -> Iterator[tuple[Channel, str, dict[str, str]]]:
    """Yield every example with its channel and the name of its message."""
    for channel in Channel:
        for name in SPECIFICATION["channels"][channel.value]["messages"]:
            for example in COMPONENTS["messages"][name]["examples"]:
                yield channel, name, example["payload"]


def results() -> Iterator[OutboxMessage]:
    """Yield every possible answer to a job, with the intents that accompany it."""
    for kind in (OperationKind.START, OperationKind.STOP):
        request = make_job("1772366400123-0", kind=kind)
        for record in (make_record(), None):
            for success in (replayed(record, at=NOON), make_completion(record=record)):
                yield from announcements(request, success)
        for code in set(ErrorCode) - {ErrorCode.REPLAY_NO_OP}:
            cause = Cause(code=code, message="\0" * 9_999)
            failure = make_completion(outcome=Outcome.FAILURE, cause=cause)
            yield from announcements(request, failure)


def events() -> Iterator[OutboxMessage]:
    """Yield a health event of each type."""
    for event_type, details in DETAILS.items():
        yield health_message(make_event(event_type=event_type, details=details))


def message_of(fields: Mapping[str, str], channel: Channel) -> str:
    """Return the name of the channel's only message that these fields match."""
    names = SPECIFICATION["channels"][channel.value]["messages"]
    fitting = [
        name
        for name, schema in zip(names, SCHEMAS.messages[channel], strict=True)
        if schema.fault(fields) is None
    ]
    assert len(fitting) == 1, (channel, fields, fitting)
    return str(fitting[0])


def test_specification_is_a_valid_asyncapi_3_document() -> None:
    """The document validates against the AsyncAPI 3 schema."""
    ASYNCAPI.validate(SPECIFICATION)
    for schema in COMPONENTS["schemas"].values():
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("asyncapi", "2.6.0"),
        ("chanels", {}),
        ("info/version", 1.0),
        ("servers/redis/url", "redis://redis"),
        ("channels/startJobs/adress", "runtime:start_jobs"),
        ("channels/startJobs/messages/startJob", {"payload": {}}),
        ("operations/receiveStartJob/action", "publish"),
        ("operations/receiveStartJob/channel", "#/channels/startJobs"),
        ("operations/receiveStartJob/reply/address", "runtime:job_results"),
        ("components/message", {}),
        ("components/messages/start job", {}),
        ("components/messages/startJob/correlationID", {}),
        ("components/messages/startJob/examples", [{"value": {}}]),
        ("components/correlationIds/job/location", "$message.body#/job_id"),
    ],
)
def test_what_asyncapi_3_does_not_know_is_found(path: str, value: object) -> None:
    """The validation finds misspelled, outdated and misplaced fields."""
    changed = deepcopy(SPECIFICATION)
    *parents, name = path.split("/")
    reduce(getitem, parents, changed)[name] = value

    assert not ASYNCAPI.is_valid(changed)


def test_every_reference_leads_somewhere() -> None:
    """Every reference resolves and no component is unused."""
    used: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, Mapping) and "$ref" in node:
            target: Any = SPECIFICATION
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            used.add(node["$ref"])
        for child in node.values() if isinstance(node, Mapping) else node:
            if isinstance(child, (Mapping, list)):
                walk(child)

    walk(SPECIFICATION)

    components = {f"#/components/{kind}/{name}" for kind in COMPONENTS for name in COMPONENTS[kind]}
    assert components <= used


ALL_RULES = {"type", "description", "properties", "required", "additionalProperties"}


def test_every_message_is_closed_and_says_what_it_is() -> None:
    """Every message is a closed object with a summary and an example.

    It has no rules but those of its fields, which are all that a valid entry is asked about.
    """
    for message in COMPONENTS["messages"].values():
        schema = COMPONENTS["schemas"][message["payload"]["$ref"].rpartition("/")[2]]

        assert schema.keys() <= ALL_RULES
        assert schema["additionalProperties"] is False
        assert sorted(schema["required"]) == sorted(schema["properties"])
        assert message["summary"].endswith(".")
        assert message["examples"]


@pytest.mark.parametrize(("channel", "name", "payload"), list(examples()))
def test_example_fits_its_own_message_alone(
    channel: Channel, name: str, payload: dict[str, str]
) -> None:
    """Each example is valid for its own message and for no other."""
    assert SCHEMAS.fault(channel, payload) is None
    assert message_of(payload, channel) == name


@pytest.mark.parametrize("message", [*results(), *events()])
def test_what_the_code_says_fits(message: OutboxMessage) -> None:
    """Every message that the code writes is valid by the specification."""
    assert SCHEMAS.fault(CHANNELS[message.stream], message.fields) is None


@pytest.mark.parametrize("message", [*results(), *events()])
def test_messages_fit_with_the_ids_of_a_swarm(message: OutboxMessage) -> None:
    """There a container is a service, whose ids are shorter and have other letters."""
    fields = dict(message.fields)
    if fields.get("container_id"):
        fields["container_id"] = "ixj22hy5glvzdapzxhumd44is"

    assert SCHEMAS.fault(CHANNELS[message.stream], fields) is None


def test_code_says_all_that_is_specified() -> None:
    """Every specified message is written by the code."""
    said = {message_of(each.fields, CHANNELS[each.stream]) for each in [*results(), *events()]}

    specified = {
        name
        for channel in CHANNELS.values()
        for name in SPECIFICATION["channels"][channel.value]["messages"]
    }
    assert said == specified


@pytest.mark.parametrize("origin", list(DeadOrigin))
def test_dead_letter_fits(origin: DeadOrigin) -> None:
    """A dead letter is valid whatever bytes its entry has."""
    entry_id = {DeadOrigin.JOB: "1-0", DeadOrigin.OUTBOX: "4711"}[origin]
    pairs = [(b"\xff\0\x1f" * 9_999, b"\xf0\x9f\x8e\xb2" * 9_999)] * 99

    letter = dead_letter(origin, "runtime:start_jobs", entry_id, "x" * 9_999, pairs)

    assert SCHEMAS.fault(Channel.DEAD_JOBS, letter) is None


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        (set(StopReason), "StopReason"),
        (set(ErrorCode) - {ErrorCode.REPLAY_NO_OP}, "FailureCode"),
        (set(JobKind), "OpKind"),
    ],
)
def test_closed_sets_are_those_of_the_code(values: set[StrEnum], schema: str) -> None:
    """The specification's enums have exactly the values of the code's."""
    assert set(COMPONENTS["schemas"][schema]["enum"]) == {value.value for value in values}


def test_states_of_a_container_are_those_of_the_code() -> None:
    """The specification lists all of Docker's container states."""
    details = COMPONENTS["schemas"]["InspectUnhealthy"]["properties"]["details"]["contentSchema"]

    assert set(details["properties"]["state"]["enum"]) == {each.value for each in ContainerStatus}


def test_each_event_type_has_its_message() -> None:
    """Each type of health event has a message of its own name."""
    told_apart = [each.constants["event_type"] for each in SCHEMAS.messages[Channel.HEALTH_EVENTS]]

    assert sorted(told_apart) == sorted(each.value for each in HealthEventType)


def test_texts_are_cut_where_the_specification_says() -> None:
    """The code truncates texts at the specified limit."""
    for schema in ("ErrorMessage", "ImageRef", "Fault"):
        assert COMPONENTS["schemas"][schema]["maxLength"] == MAX_TEXT


def test_addresses_are_the_default_names() -> None:
    """The specification's addresses are the default stream names."""
    layout = StreamLayout()
    named = {
        Channel.START_JOBS: layout.jobs[JobKind.START],
        Channel.STOP_JOBS: layout.jobs[JobKind.STOP],
        Channel.DEAD_JOBS: layout.dead,
    } | {channel: layout.messages[stream] for stream, channel in CHANNELS.items()}

    addresses = {each: SPECIFICATION["channels"][each.value]["address"] for each in Channel}
    assert addresses == named


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"image_ref": None}, "image_ref is missing"),
        ({"image_ref": ""}, "image_ref must not be empty"),
        ({"image_ref": "x" * 1_001}, "image_ref must have at most 1000 characters"),
        ({"game_id": "-7"}, "game_id must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,50}$"),
        ({"game_id": "chess-7\n"}, "game_id must match ^[A-Za-z0-9][A-Za-z0-9_.-]{0,50}$"),
        ({"requested_at_ms": "now"}, "requested_at_ms must match ^[0-9]{1,16}$"),
        ({"colour": "white"}, "'colour' is not a field of this entry"),
        ({"é" * 99: "x"}, "'" + r"\xe9" * 80 + "'... is not a field of this entry"),
    ],
)
def test_fault_names_the_field_and_never_its_value(
    change: dict[str, str | None], fault: str
) -> None:
    """A fault names the field to fix and never quotes its value, which may be anything."""
    fields = {name: value for name, value in (JOB | change).items() if value is not None}

    assert SCHEMAS.fault(Channel.START_JOBS, fields) == fault


@pytest.mark.parametrize(
    "details", ['{"exit_code": 1}', '{"exit_code": 1, "oom": false, "x": 1}', "[]", "{", ""]
)
def test_details_are_closed_inside_their_text(details: str) -> None:
    """Details whose JSON text does not match the event type are a fault."""
    (event,) = [each for each in events() if each.fields["event_type"] == "container_exited"]
    fields = {**event.fields, "details": details}

    fault = SCHEMAS.fault(Channel.HEALTH_EVENTS, fields)
    assert fault == "details is not JSON that matches its schema"


async def test_refused_value_is_answered_as_the_rest_api_does(caller: Caller) -> None:
    """An unknown stop reason gets the same message, with the known ones, by stream and by REST."""
    job = {"game_id": "chess-7", "reason": "bored", "requested_at_ms": "1772366400123"}
    await caller.start("chess-7")
    answer = await caller.post(f"{RUNTIMES}/chess-7/stop", {"reason": "bored"})

    fault = SCHEMAS.fault(Channel.STOP_JOBS, job)
    assert fault == answer.message
    assert fault == (
        "reason must be one of orphan_cleanup, cancelled, finished, admin_request, timeout"
    )


def test_field_that_must_be_empty_is_named_so() -> None:
    """The fault lists an allowed empty value as `nothing`."""
    message = next(
        each for each in results() if each.fields.get("error_code") == ErrorCode.REPLAY_NO_OP
    )
    fields = {**message.fields, "error_code": "oops"}

    fault = SCHEMAS.fault(Channel.JOB_RESULTS, fields)
    assert fault == "error_code must be one of nothing, replay_no_op"


def test_message_of_no_known_type_is_a_fault() -> None:
    """The field that distinguishes a channel's messages must have a known value."""
    fault = SCHEMAS.fault(Channel.HEALTH_EVENTS, {"event_type": "container_bored"})

    assert fault == f"event_type must be one of {', '.join(HealthEventType)}"
