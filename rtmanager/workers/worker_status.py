"""What is known of a worker: when it last did its work, and how often it failed since."""

import logging
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.errors import RuntimeManagerError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkerStatus:
    """One worker's record of itself, for logs, metrics and operators."""

    name: str
    cycles: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: str = ""
    _has_defect: bool = False

    def succeeded(self, at: datetime, sentence: str = "") -> None:
        """Note a cycle that went well; log what it did, and the end of an outage."""
        if self.failures_in_a_row:
            logger.info("worker works again", extra=self._facts(failures=self.failures_in_a_row))
        if sentence:
            logger.info("worker did something", extra=self._facts(did=sentence))
        self.cycles += 1
        self.failures_in_a_row = 0
        self._has_defect = False
        self.last_success_at = at

    def failed(self, at: datetime, error: Exception) -> None:
        """Note a failed cycle; an outage is logged when it begins, not at every tick.

        A defect that shows itself during an outage is not part of it, and logged as well.
        """
        self.cycles += 1
        self.failures += 1
        self.failures_in_a_row += 1
        self.last_failure_at = at
        self.last_error = str(error)
        trace = None if isinstance(error, RuntimeManagerError) else error
        is_new_defect = trace is not None and not self._has_defect
        if self.failures_in_a_row == 1 or is_new_defect:
            logger.warning("worker failed: %s", error, extra=self._facts(), exc_info=trace)
        self._has_defect = self._has_defect or is_new_defect

    def _facts(self, **more: object) -> dict[str, object]:
        return {"worker": self.name} | more
