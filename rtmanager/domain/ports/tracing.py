"""Following an operation through its steps, for whoever watches the service from outside."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rtmanager.domain.operation import Action, Operation, OperationRequest


class Tracing(Protocol):
    """Notes when something begins and ends, and with which error; it changes nothing.

    No block raises an error of its own.
    """

    def operation(self, request: OperationRequest, /) -> AbstractContextManager[object]:
        """Follow a request from its rule to its outcome."""

    def resumption(self, operation: Operation, /) -> AbstractContextManager[object]:
        """Follow an operation that was begun earlier, mostly by another process."""

    def step(self, operation: Operation, action: Action, /) -> AbstractContextManager[object]:
        """Follow one action of an operation."""


class NoTracing:
    """Notes nothing."""

    def operation(self, _request: OperationRequest, /) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def resumption(self, _operation: Operation, /) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def step(self, _operation: Operation, _action: Action, /) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()


NO_TRACING: Tracing = NoTracing()
