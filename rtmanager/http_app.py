"""The HTTP application: Connexion routes and validates by the spec, our handlers answer.

Connexion as shipped departs from the contract in some places. Each is mended in one: unknown
callers (`handlers/caller_header.py`), bodies (`handlers/strict_json.py`), errors
(`handlers/error_boundary.py`), encoded paths (`handlers/raw_path.py`), and below what only
Connexion's own extension points can reach.
"""

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rtmanager import spec_dir
from rtmanager.domain.use_cases import UseCases
from rtmanager.handlers import operations
from rtmanager.handlers.asgi import App, Receive, Scope, Send
from rtmanager.handlers.call import with_body
from rtmanager.handlers.caller_header import CallerHeader
from rtmanager.handlers.error_boundary import ErrorBoundary
from rtmanager.handlers.operation import Handler, Operation
from rtmanager.handlers.raw_path import RawPath
from rtmanager.handlers.request_id import RequestId
from rtmanager.handlers.strict_json import check_schema, read_object

with warnings.catch_warnings():
    # Connexion imports what other libraries have deprecated: its concern, not our operators'.
    warnings.simplefilter("ignore")
    from connexion.apps.asynchronous import AsyncApi, AsyncASGIApp
    from connexion.json_schema import Draft4RequestValidator
    from connexion.middleware import ConnexionMiddleware
    from connexion.middleware.request_validation import (
        RequestValidationAPI,
        RequestValidationMiddleware,
        RequestValidationOperation,
    )
    from connexion.middleware.response_validation import ResponseValidationMiddleware
    from connexion.middleware.routing import RoutingMiddleware
    from connexion.middleware.swagger_ui import SwaggerUIMiddleware
    from connexion.options import SwaggerUIOptions
    from connexion.resolver import Resolver

SPEC_FILE = "internal-openapi.yaml"
SWAGGER_UI_PATH = "/ui/"
"""Where the Swagger UI of the contract is served, from this process alone."""

_SPEC_PATH = "/openapi.json"
_OWN_PAGES = (SWAGGER_UI_PATH.rstrip("/"), _SPEC_PATH)


def create_app(use_cases: UseCases, *, validate_responses: bool = False) -> App:
    """Return the ASGI application that serves the contract with these use cases.

    Raises LookupError unless the spec's operations and the handlers match one to one. Nothing is
    opened here or at start-up: what the use cases need is opened by the caller.
    """
    return route(spec_dir() / SPEC_FILE, operations(use_cases), validate_responses)


def route(spec: Path, table: Mapping[str, Handler], validate_responses: bool) -> App:  # noqa: FBT001 - create_app names it
    """Return the application that answers the spec's operations by the table."""
    document = _load(spec)
    _check_table(document, table)
    app = ConnexionMiddleware(
        _Operations(),
        import_name=__name__,
        middlewares=_middlewares(validate_responses),
        resolver=Resolver(table.__getitem__),
        strict_validation=True,
        validate_responses=validate_responses,
        validator_map={"body": {"application/json": _StrictJsonBody}},
        swagger_ui_options=SwaggerUIOptions(
            spec_path=_SPEC_PATH, swagger_ui_path=SWAGGER_UI_PATH.rstrip("/")
        ),
    )
    app.add_api(document)
    return app  # type: ignore[no-any-return]


@cache
def _load(spec: Path) -> dict[str, Any]:
    """Read a spec; Connexion's own way is slow, and would take it for a Jinja template."""
    document: dict[str, Any] = yaml.load(spec.read_bytes(), Loader=yaml.CSafeLoader)
    return document


def _check_table(spec: Mapping[str, Any], table: Mapping[str, Handler]) -> None:
    """Raise LookupError unless every operation has its handler and every handler its operation."""
    operations_of_paths = (path.values() for path in spec["paths"].values())
    specified = {each["operationId"] for path in operations_of_paths for each in path}
    faults = [
        *(f"{name} has no handler" for name in sorted(specified - table.keys())),
        *(f"{name} is not in the spec" for name in sorted(table.keys() - specified)),
    ]
    if faults:
        raise LookupError("; ".join(faults))


def _middlewares(validate_responses: bool) -> list[Any]:  # noqa: FBT001 - as above
    """Return what a request passes on its way to its operation, outermost first."""
    return [
        RequestId,
        ErrorBoundary,
        RawPath,
        CallerHeader,
        _SwaggerUI,
        _ExactRouting,
        _RequestValidation,
        *([ResponseValidationMiddleware] if validate_responses else []),
    ]


class _SwaggerUI(SwaggerUIMiddleware):  # type: ignore[misc]
    """Looks at requests for its own pages only, so that it costs the others nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["type"] == "http" and scope["path"].startswith(_OWN_PAGES)
        await (super().__call__ if own else self.app)(scope, receive, send)


class _ExactRouting(RoutingMiddleware):  # type: ignore[misc]
    """Takes a path with a slash too many for another path, instead of redirecting."""

    def add_api(self, *args: Any, **kwargs: Any) -> None:
        super().add_api(*args, **kwargs)
        for mount in self.router.routes:
            mount.app.redirect_slashes = False


class _StrictRequest(RequestValidationOperation):  # type: ignore[misc]
    """Leaves the content type to the body's rules, which know a missing one from a right one."""

    def extract_content_type(self, _headers: object) -> tuple[str, str]:
        return "application/json", "utf-8"

    def validate_mime_type(self, _mime_type: str) -> None:
        """Judge nothing: see the class."""


class _RequestValidationApi(RequestValidationAPI):  # type: ignore[misc]
    def make_operation(self, operation: Any) -> _StrictRequest:
        """Refuse unknown query parameters only where the spec documents the refusal."""
        return _StrictRequest(
            self.next_app,
            operation=operation,
            strict_validation=self.strict_validation and "400" in operation.responses,
            validator_map=self.validator_map,
        )


class _RequestValidation(RequestValidationMiddleware):  # type: ignore[misc]
    api_cls = _RequestValidationApi


class _StrictJsonBody:
    """Connexion's body validator, by our rules; it is made anew for every request."""

    def __init__(self, *, schema: Mapping[str, Any], **_options: object) -> None:
        self.schema = schema

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Read, parse and check the body, and hand it to the operation."""
        body = await read_object(scope, receive)
        check_schema(Draft4RequestValidator(self.schema), body)
        return receive, with_body(scope, body)


class _OperationsApi(AsyncApi):  # type: ignore[misc]
    def make_operation(self, operation: Any) -> Operation:
        """Call handlers directly: Connexion would inspect their signatures on every request."""
        return Operation(operation.function, operation.operation_id)


class _Operations(AsyncASGIApp):  # type: ignore[misc]
    api_cls = _OperationsApi
