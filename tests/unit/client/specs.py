"""Both specifications, as far as the client's tests need them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import yaml

from rtmanager import spec_dir

_VALUES: Mapping[str, Any] = {"integer": 7, "number": 1.5, "boolean": True, "string": "text"}
_METHODS = {"get", "post", "delete"}


@dataclass(frozen=True)
class SpecifiedOperation:
    """One operation of a specification."""

    spec: Mapping[str, Any]
    path: str
    method: str
    definition: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its operationId."""
        return str(self.definition["operationId"])

    @property
    def query_parameters(self) -> Mapping[str, Any]:
        """Its query parameters with their schemas."""
        given = [resolved(self.spec, each) for each in self.definition.get("parameters", [])]
        return {each["name"]: each["schema"] for each in given if each["in"] == "query"}

    @property
    def body_schema(self) -> Any:
        """The schema of its body; None if it has none."""
        body = self.definition.get("requestBody")
        return body and body["content"]["application/json"]["schema"]

    @property
    def content(self) -> Mapping[str, Any]:
        """What it answers with, by media type."""
        content: Mapping[str, Any] = self.definition["responses"]["200"]["content"]
        return content

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request is one of this operation."""
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path))
        return method.lower() == self.method and re.fullmatch(pattern, path) is not None


def load(name: str) -> Mapping[str, Any]:
    """Return a specification."""
    document: Mapping[str, Any] = yaml.safe_load((spec_dir() / f"{name}-openapi.yaml").read_text())
    return document


SPECS = [load("internal"), load("operator")]


def operations() -> Iterator[SpecifiedOperation]:
    """Yield the operations of both specifications."""
    for spec in SPECS:
        for path, methods in spec["paths"].items():
            for method in methods.keys() & _METHODS:
                yield SpecifiedOperation(spec, path, method, methods[method])


def operation_of(method: str, raw_path: str) -> SpecifiedOperation:
    """Return the operation of a request; fail if none is specified."""
    return next(each for each in operations() if each.matches(method, unquote(raw_path)))


def resolved(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with its reference followed, and `nullable` kept."""
    if "allOf" in schema:
        return {**resolved(spec, schema["allOf"][0]), "nullable": schema.get("nullable", False)}
    if "$ref" not in schema:
        return schema
    found: Any = spec
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(spec, found)


def example(spec: Mapping[str, Any], schema: Mapping[str, Any], *, null: bool = False) -> Any:
    """Return a value of this schema, with every property; `null` wherever it may be, if asked."""
    schema = resolved(spec, schema)
    if null and schema.get("nullable"):
        return None
    if schema["type"] == "object":
        properties = schema.get("properties", {})
        return {name: example(spec, each, null=null) for name, each in properties.items()}
    if schema["type"] == "array":
        return [example(spec, schema["items"], null=null)] * (0 if null else 2)
    if schema.get("format") == "date-time":
        return "2026-04-28T20:39:18.104233Z"
    return schema.get("enum", [_VALUES[schema["type"]]])[0]
