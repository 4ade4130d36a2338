"""Following an operation through its steps, for whoever watches the service from outside."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rtmanager.domain.operation import Action, Fence, Operation, OperationRequest


class OperationTrace(Protocol):
    """The trace of one request. One that never ends is not kept."""

    @property
    def trace_id(self) -> str | None:
        """The trace in which the operation begins; None if it is not exported."""

    def current(self) -> AbstractContextManager[object]:
        """Let the calls of the block belong to it."""

    def to_its_end(self) -> AbstractContextManager[object]:
        """Let the calls of the block belong to it, and end it with the block's error, if any."""

    def recorded(self, operation_id: Fence) -> None:
        """Note which operation the request became."""


class Tracing(Protocol):
    """Notes when something begins and ends, and with which error; it changes nothing.

    No block raises an error of its own.
    """

    def operation(self, request: OperationRequest, /) -> OperationTrace:
        """Begin to follow a request from its rule to its outcome."""

    def resumption(self, operation: Operation, /) -> AbstractContextManager[object]:
        """Follow an operation that was begun earlier, mostly by another process."""

    def step(self, operation: Operation, action: Action, /) -> AbstractContextManager[object]:
        """Follow one action of an operation."""


class _NoTrace:
    """Notes nothing."""

    trace_id = None

    def current(self) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def to_its_end(self) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def recorded(self, _operation_id: Fence) -> None:
        """Do nothing."""


NO_TRACE: OperationTrace = _NoTrace()


class NoTracing:
    """Notes nothing."""

    def operation(self, _request: OperationRequest, /) -> OperationTrace:
        """Do nothing."""
        return NO_TRACE

    def resumption(self, _operation: Operation, /) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def step(self, _operation: Operation, _action: Action, /) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()


NO_TRACING: Tracing = NoTracing()
