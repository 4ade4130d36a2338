"""What a rule sees when a request arrives, and how it answers."""

from collections.abc import Callable
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.ports.operation_journal import Ledger


@dataclass(frozen=True, slots=True)
class Current:
    """The record's container when a request arrives: running, not running, or unknown."""

    container: ContainerDetails | None = None
    trouble: RuntimeManagerError | None = None

    def runs(self) -> bool:
        """Tell whether the engine runs; raise the trouble when that is unknown."""
        if self.trouble is not None:
            raise self.trouble
        return self.container is not None and self.container.is_running


Rule = Callable[[OperationRequest, Ledger, Current], bool]
"""Judges a request: True for a replay, False to go on; refuses by raising an error. Pure."""


def go_on(_: OperationRequest, __: Ledger, ___: Current) -> bool:
    """Let every reconciliation through: what it does was judged under this very lease."""
    return False
