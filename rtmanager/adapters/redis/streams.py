"""The streams: their names, and their schemas from spec/runtime-streams-asyncapi.yaml."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, cast

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from rtmanager import spec_dir
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.texts import quoted

SPEC = "runtime-streams-asyncapi.yaml"
_END = r"\Z"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLayout:
    """The streams' names, by default those of the specification, and their approximate length."""

    jobs: Mapping[JobKind, str] = field(
        default_factory=lambda: {
            JobKind.START: "runtime:start_jobs",
            JobKind.STOP: "runtime:stop_jobs",
        }
    )
    messages: Mapping[OutboxStream, str] = field(
        default_factory=lambda: {
            OutboxStream.JOB_RESULTS: "runtime:job_results",
            OutboxStream.HEALTH_EVENTS: "runtime:health_events",
            OutboxStream.NOTIFICATION_INTENTS: "notification:intents",
        }
    )
    dead: str = "runtime:dead_jobs"
    maxlen: int = 100_000


class Channel(StrEnum):
    """The channels by their names in the specification."""

    START_JOBS = "startJobs"
    STOP_JOBS = "stopJobs"
    JOB_RESULTS = "jobResults"
    HEALTH_EVENTS = "healthEvents"
    NOTIFICATION_INTENTS = "notificationIntents"
    DEAD_JOBS = "deadJobs"


@dataclass(frozen=True)
class MessageSchema:
    """One message type: the constants that identify it in its channel, and its compiled schemas.

    A field with JSON text has a separate schema for the value of that text. The fields are compiled
    one by one too: for each entry that it is asked about, the payload compiles them anew.
    """

    constants: Mapping[str, str]
    payload: Draft7Validator
    fields: Mapping[str, Draft7Validator]
    contents: Mapping[str, Draft7Validator]

    @classmethod
    def compile(cls, schema: Schema) -> Self:
        """Compile the schema of a payload whose references are resolved."""
        fields = schema["properties"].items()
        return cls(
            constants={name: field["const"] for name, field in fields if "const" in field},
            payload=Draft7Validator(schema),
            fields={name: Draft7Validator(field) for name, field in fields},
            contents={
                name: Draft7Validator(field["contentSchema"])
                for name, field in fields
                if "contentSchema" in field
            },
        )

    def fault(self, fields: Mapping[str, str]) -> str | None:
        """Describe the first fault of the fields, without their values; None if there is none."""
        if not self._is_valid(fields):
            for error in self.payload.iter_errors(fields):
                return _in_words(error)
        for name, validator in self.contents.items():
            if not _is_valid_json(fields[name], validator):
                return f"{name} is not JSON that matches its schema"
        return None

    def _is_valid(self, fields: Mapping[str, str]) -> bool:
        """Return whether all fields are there, no others, and each is valid."""
        return fields.keys() == self.fields.keys() and all(
            self.fields[name].is_valid(value) for name, value in fields.items()
        )


@dataclass(frozen=True)
class StreamSchemas:
    """The messages of every channel."""

    messages: Mapping[Channel, Sequence[MessageSchema]]

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read the specification, by default the one shipped with the service."""
        # The loader in C, which is as safe and ten times as fast.
        source = (path or spec_dir() / SPEC).read_bytes()
        document = yaml.load(source, Loader=yaml.CSafeLoader)
        channels = _resolved(document["channels"], document)
        return cls(
            {
                channel: [
                    MessageSchema.compile(message["payload"])
                    for message in channels[channel.value]["messages"].values()
                ]
                for channel in Channel
            }
        )

    def fault(self, channel: Channel, fields: Mapping[str, str]) -> str | None:
        """Describe the fault of an entry of the channel; None if there is none."""
        candidates = self.messages[channel]
        for message in candidates:
            if all(fields.get(name) == value for name, value in message.constants.items()):
                return message.fault(fields)
        return "; ".join(
            _one_of(name, [message.constants[name] for message in candidates])
            for name in candidates[0].constants
        )


def _one_of(name: str, allowed: Sequence[str]) -> str:
    """Name the values that a field may have, in the same words as the REST API."""
    return f"{name} must be one of {', '.join(value or 'nothing' for value in allowed)}"


def _in_words(error: ValidationError) -> str:
    """Describe the first fault; the value is never repeated."""
    if error.absolute_path:
        name = str(error.absolute_path[0])
        if error.validator == "enum":
            return _one_of(name, cast("Sequence[str]", error.validator_value))
        return f"{name} {_problem(error)}"
    fields, schema = cast("Mapping[str, str]", error.instance), cast("Schema", error.schema)
    for name in schema["required"]:
        if name not in fields:
            return f"{name} is missing"
    unknown = next(name for name in fields if name not in schema["properties"])
    return f"{quoted(unknown)} is not a field of this entry"


def _problem(error: ValidationError) -> str:
    match error.validator:
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"must have at most {error.validator_value} characters"
        case "pattern":
            return f"must match {str(error.validator_value).removesuffix(_END)}$"
        case _:
            return "is invalid"


def _is_valid_json(text: str, validator: Draft7Validator) -> bool:
    try:
        return bool(validator.is_valid(json.loads(text)))
    except ValueError:
        return False


def _resolved(node: Any, document: Schema) -> Any:
    """Return the node with every reference into the document replaced by its target."""
    if isinstance(node, list):
        return [_resolved(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _resolved(target, document)
    return {key: _portable(key, _resolved(item, document)) for key, item in node.items()}


def _portable(key: str, value: Any) -> Any:
    # In JSON Schema `$` is only the end; in Python it also matches before a final line break.
    if key == "pattern" and isinstance(value, str) and value.endswith("$"):
        return value[:-1] + _END
    return value
