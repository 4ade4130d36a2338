"""Rules of the spec for headers and texts in the path, compiled once for each operation.

Connexion would make its validators anew for every request. Query parameters are read by `query.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope

from rtmanager.domain.errors import InvalidRequest
from rtmanager.handlers.headers import values_of
from rtmanager.handlers.middleware import CALLER
from rtmanager.handlers.strict_json import SchemaValidator, faults_of

_ANY_TEXT = {"type": "string"}
_ANNOTATIONS = {"description", "example", "title"}


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What one parameter has to be; its name is that of the spec."""

    place: str
    name: str
    schema: SchemaValidator
    is_required: bool = False

    def check(self, scope: Scope) -> None:
        """Raise InvalidRequest unless every value of the parameter is as the spec says."""
        values = self._values(scope)
        if self.is_required and not values:
            raise InvalidRequest(f"the {self.place} {self.name} is missing")
        for value in values:
            if faults := faults_of(self.schema, value, f"the {self.place} {self.name}"):
                raise InvalidRequest("; ".join(faults))

    def _values(self, scope: Scope) -> list[str]:
        if self.place == "path":
            return [unquote(str(scope["path_params"][self.name]))]
        name = self.name.lower().encode("latin-1")
        return [value.decode("latin-1") for value in values_of(scope, name)]


def parameter_rules(
    parameters: Iterable[Mapping[str, Any]], compiled: type[Any]
) -> tuple[ParameterRule, ...]:
    """Return the rules of an operation that a request can break; `compiled` makes a schema's check.

    By the contract any caller header is good, although the spec lists the known callers. A number
    in a path is read by its handler, and so is the query. Raises LookupError for other places.
    """
    rules = []
    for each in parameters:
        if each["in"] not in {"path", "header", "query"}:
            raise LookupError(f"no rules are compiled for {each['in']} parameters: {each['name']}")
        if each["in"] != "query" and _can_be_broken(each):
            is_required = bool(each.get("required"))
            schema = compiled(each["schema"])
            rules.append(ParameterRule(each["in"], each["name"], schema, is_required))
    return tuple(rules)


def _can_be_broken(parameter: Mapping[str, Any]) -> bool:
    schema = {key: each for key, each in parameter["schema"].items() if key not in _ANNOTATIONS}
    if parameter["in"] == "path":
        return schema["type"] == "string" and schema != _ANY_TEXT
    is_caller = parameter["name"].lower() == CALLER.decode()
    return not is_caller and (schema != _ANY_TEXT or bool(parameter.get("required")))
