"""Restart a game with the very image that it ran before: its rule.

What is done then is in `replacement.py`. A stopped game runs afterwards; a restart is no replay.
"""

from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.replacement import decide
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

__all__ = ["decide", "rule", "with_container"]


def rule(_: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Refuse unless there is a container to restart; raises NotFound, Conflict."""
    with_container(ledger.record)
    # Without Docker refuse now: whether the engine should run after a rollback is unknown.
    current.runs()
    return False


def with_container(record: RuntimeRecord | None) -> RuntimeRecord:
    """Return the record of a game that has a container; raise NotFound or Conflict otherwise."""
    if record is None:
        raise NotFound
    if record.status is RuntimeStatus.REMOVED:
        raise Conflict("the game's container was removed; start the game with an image instead")
    return record
