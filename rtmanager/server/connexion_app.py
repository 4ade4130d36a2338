"""The HTTP application: Connexion routes by the spec, our endpoints check the request and answer.

No other module depends on Connexion. By default it departs from the contract in places for which it
has no options; `docs/connexion.md` lists them. None is corrected by a subclass: our middlewares
before it and our endpoints after it do what it would do differently. What a request has to be is
compiled from the spec once, when the application is built.
"""

import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any

import yaml
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager import spec_dir
from rtmanager.console.app import Console
from rtmanager.handlers.access import Access
from rtmanager.handlers.answer_headers import AnswerHeaders
from rtmanager.handlers.bearer_tokens import BearerTokens, announced
from rtmanager.handlers.browser_guard import BrowserGuard
from rtmanager.handlers.endpoint import Endpoint, Handler
from rtmanager.handlers.errors import ErrorBoundary, NoSuchPath
from rtmanager.handlers.metrics_page import MetricsPage, MetricsText
from rtmanager.handlers.middleware import RawPath, RequestId
from rtmanager.handlers.parameters import parameter_rules
from rtmanager.handlers.refusals import RefusedRequests
from rtmanager.handlers.strict_json import ExpectedBody
from rtmanager.handlers.swagger_ui import OPERATOR_UI_PATH, SWAGGER_UI_PATH, SwaggerUi
from rtmanager.server.routes import Routes
from rtmanager.telemetry.repeated_events import RepeatedEvents

with warnings.catch_warnings():
    # Connexion imports deprecated modules of other libraries, which our operators cannot change.
    warnings.simplefilter("ignore")
    from connexion.json_schema import Draft4RequestValidator, resolve_refs
    from connexion.middleware import ConnexionMiddleware
    from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
    from connexion.middleware.response_validation import ResponseValidationMiddleware
    from connexion.middleware.routing import RoutingMiddleware
    from connexion.validators.json import JSONResponseBodyValidator

__all__ = ["OPERATOR_SPEC_FILE", "SPEC_FILE", "SWAGGER_UI_PATH", "create_app"]

SPEC_FILE = "internal-openapi.yaml"
OPERATOR_SPEC_FILE = "operator-openapi.yaml"

_SPEC_FILES = (SPEC_FILE, OPERATOR_SPEC_FILE)

_Document = dict[str, Any]
_Middleware = Callable[..., ASGIApp]

_SEE_PAGES = f"{SWAGGER_UI_PATH} and {OPERATOR_UI_PATH} show all that there are"

_OPEN = Access()
"""Nothing is set: no other hosts and origins, and no tokens."""


def create_app(
    table: Mapping[str, Handler],
    access: Access = _OPEN,
    events: RepeatedEvents | None = None,
    *,
    metrics: MetricsText | None = None,
    validate_responses: bool = False,
) -> ASGIApp:
    """Return the ASGI application that answers the operations of both specs with these endpoints.

    Raises LookupError unless operations and endpoints match one to one. Nothing is opened here or
    at startup: the caller opens what the handlers need, and has to flush the events. Without
    `metrics` that path is not served.
    """
    operations = _operations()
    _check_table(operations, table)
    endpoints = {name: _endpoint(each, table[name]) for name, each in operations.items()}

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    app = ConnexionMiddleware(
        _Dispatch(endpoints),
        import_name=__name__,
        middlewares=[
            *_before_routing(access, RefusedRequests(events or RepeatedEvents()), metrics, service),
            _Routing,
            *([ResponseValidationMiddleware] if validate_responses else []),
        ],
        resolver=table.__getitem__,
        validate_responses=validate_responses,
        # By default every type that ends in `json` is one value, and NDJSON is many.
        validator_map={"response": {"application/json": JSONResponseBodyValidator}},
    )
    for spec_file in _SPEC_FILES:
        app.add_api(_for_connexion(_document(spec_file)))
    return app  # type: ignore[no-any-return]


def _before_routing(
    access: Access, refusals: RefusedRequests, metrics: MetricsText | None, service: ASGIApp
) -> Sequence[_Middleware]:
    """Return our middlewares, outermost first; the order is part of their meaning."""
    tokens = access.tokens
    documents = [announced(each) if tokens else each for each in map(_document, _SPEC_FILES)]
    return [
        RequestId,
        AnswerHeaders,
        partial(ErrorBoundary, refusals=refusals),
        partial(
            BrowserGuard,
            refusals=refusals,
            allowed_hosts=access.allowed_hosts,
            trusted_origins=access.trusted_origins,
        ),
        partial(Console, service=service),
        partial(SwaggerUi, internal=documents[0], operator=documents[1]),
        partial(RawPath, is_known=lambda path: _known_paths().fullmatch(path) is not None),
        *([partial(BearerTokens, tokens=tokens, refusals=refusals)] if tokens else []),
        *([partial(MetricsPage, text=metrics)] if metrics else []),
    ]


class _Routing(SpecMiddleware):  # type: ignore[misc]  # untyped
    """Connexion's router, whose routes are looked up in one step.

    Whatever is no route, such as a wrong path or method, is left to the router itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._router = RoutingMiddleware(app)
        self._routes = Routes([])

    def add_api(self, specification: Any, **options: Any) -> None:
        """Add the routes of a spec."""
        self._router.add_api(specification, **options)
        self._routes = Routes(
            route for mount in self._router.router.routes for route in mount.routes
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with the id of its operation and the parameters in its path."""
        is_http = scope["type"] == "http"
        found = self._routes.find(scope["method"], scope["path"]) if is_http else None
        if found is None:
            await self._router(scope, receive, send)
            return
        operation, scope["path_params"] = found
        context = {"api_base_path": "", "operation_id": operation.operation_id}
        scope["extensions"] = {**scope.get("extensions", {}), ROUTING_CONTEXT: context}
        await self.app(scope, receive, send)


class _Dispatch:
    """The application behind Connexion's middlewares, which calls the endpoint of the route."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self.lifespan = Router().lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        name = scope["extensions"][ROUTING_CONTEXT]["operation_id"]
        if name is None:
            raise NoSuchPath(_SEE_PAGES if scope["path"].startswith("/api") else "")
        await self.endpoints[name](scope, receive, send)


def _endpoint(operation: _Document, handler: Handler) -> Endpoint:
    """Return the endpoint; it refuses unknown parameters if the operation documents 400."""
    parameters = operation.get("parameters", ())
    named = {each["name"] for each in parameters if each["in"] == "query"}
    return Endpoint(
        operation["operationId"],
        handler,
        rules=parameter_rules(parameters, Draft4RequestValidator),
        body=_expected_body(operation),
        query=frozenset(named) if "400" in operation["responses"] else None,
    )


def _expected_body(operation: _Document) -> ExpectedBody | None:
    """Return the body of an operation if it has one, with the first of its examples."""
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]["application/json"]
    example: _Document = next(iter(content["examples"].values()))
    return ExpectedBody(
        Draft4RequestValidator(content["schema"]),
        json.dumps(example["value"]),
        is_required=operation["requestBody"].get("required", False),
    )


def _check_table(specified: Mapping[str, object], table: Mapping[str, Handler]) -> None:
    """Raise LookupError unless every operation has its handler and every handler its operation."""
    faults = [
        *(f"{name} has no handler" for name in sorted(specified.keys() - table.keys())),
        *(f"{name} is not in the spec" for name in sorted(table.keys() - specified.keys())),
    ]
    if faults:
        raise LookupError("; ".join(faults))


@cache
def _document(spec_file: str) -> _Document:
    """Read a spec; Connexion's reader is slow and treats it as a Jinja template."""
    document: _Document = yaml.load((spec_dir() / spec_file).read_bytes(), Loader=yaml.CSafeLoader)
    return document


@cache
def _known_paths() -> re.Pattern[str]:
    """Return the pattern of all paths, with anything as a parameter."""
    paths = chain.from_iterable(_document(each)["paths"] for each in _SPEC_FILES)
    parts = (re.split(r"{\w+}", path) for path in paths)
    return re.compile("|".join("[^/]+".join(map(re.escape, each)) for each in parts))


@cache
def _operations() -> Mapping[str, _Document]:
    """Return the operations of all specs by id, with all references resolved."""
    paths = [resolve_refs(_document(each))["paths"].values() for each in _SPEC_FILES]
    return {
        each["operationId"]: each for path in chain.from_iterable(paths) for each in path.values()
    }


def _for_connexion(document: _Document) -> _Document:
    """Return a spec for Connexion, in which any text in a path is one of its parameters."""
    paths = {
        path: {method: _with_any_path(operation) for method, operation in operations.items()}
        for path, operations in document["paths"].items()
    }
    return _with_nulls({**document, "paths": paths})  # type: ignore[no-any-return]


def _with_any_path(operation: _Document) -> _Document:
    parameters = [
        {**each, "schema": {"type": "string"}} if each.get("in") == "path" else each
        for each in operation.get("parameters", ())
    ]
    return {**operation, "parameters": parameters}


def _with_nulls(node: Any) -> Any:
    """Return a part of a spec with `nullable` beside `allOf` in words that Connexion knows."""
    if isinstance(node, list):
        return [_with_nulls(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _with_nulls(value) for key, value in node.items()}
    if plain.get("nullable") is not True or "allOf" not in plain:
        return plain
    return {"anyOf": [{"allOf": plain["allOf"]}, {"enum": [None]}]}
