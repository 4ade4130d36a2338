"""The rule of a restart, which runs the same image as before in a new container.

The decision is in `replacement.py`. A stopped game runs afterwards; no restart is a replay.
"""

from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.replacement import decide
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

__all__ = ["decide", "rule", "with_container"]


def rule(_: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Admit the request if there is a container to restart; raises NotFound, Conflict."""
    with_container(ledger.record)
    # Refuse without Docker: whether a rollback should start the engine again is unknown.
    current.runs()
    return False


def with_container(record: RuntimeRecord | None) -> RuntimeRecord:
    """Return the record of a game that has a container; otherwise raise NotFound or Conflict."""
    if record is None:
        raise NotFound
    if record.status is RuntimeStatus.REMOVED:
        raise Conflict("the game's container was removed; start the game with an image instead")
    return record
