"""The one log line that every operation gets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.operation import Operation, OperationRequest, Outcome
from rtmanager.domain.ports.clock import Clock

logger = logging.getLogger(__name__)

Line = dict[str, object]


def facts(request: OperationRequest) -> Line:
    """Return what every log line about this request says."""
    return {
        "game_id": request.game_id,
        "kind": request.kind,
        "source": request.origin.source,
        "source_ref": request.origin.source_ref,
    }


@contextmanager
def operation_line(request: OperationRequest, clock: Clock) -> Iterator[Line]:
    """Write one line when the block ends, however it ends; the block adds what it learns.

    A block that was cut off by shutdown or failed unexpectedly has no outcome.
    """
    line, began = facts(request), clock.monotonic()
    try:
        yield line
        line.setdefault("outcome", Outcome.SUCCESS)
    except RuntimeManagerError as error:
        line |= {"outcome": Outcome.FAILURE, "error_code": error.code, "error": error.message}
        raise
    finally:
        line["duration_ms"] = round((clock.monotonic() - began) * 1000, 3)
        logger.info("operation", extra=line)


def learn(line: Line, operation: Operation) -> None:
    """Add what the intent transaction gave."""
    line["operation_id"] = operation.id
    if operation.error_code is not None:
        line["error_code"] = operation.error_code
