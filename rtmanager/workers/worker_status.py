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

    def succeeded(self, at: datetime, sentence: str = "") -> None:
        """Note a cycle that went well; log what it did, and the end of an outage."""
        if self.failures_in_a_row:
            logger.info("worker works again", extra=self._facts(failures=self.failures_in_a_row))
        if sentence:
            logger.info("worker did something", extra=self._facts(did=sentence))
        self.cycles += 1
        self.failures_in_a_row = 0
        self.last_success_at = at

    def failed(self, at: datetime, error: Exception) -> None:
        """Note a failed cycle; an outage is logged when it begins, not at every tick."""
        self.cycles += 1
        self.failures += 1
        self.failures_in_a_row += 1
        self.last_failure_at = at
        self.last_error = str(error)
        if self.failures_in_a_row == 1:
            expected = isinstance(error, RuntimeManagerError)
            trace = None if expected else error
            logger.warning("worker failed: %s", error, extra=self._facts(), exc_info=trace)

    def _facts(self, **more: object) -> dict[str, object]:
        return {"worker": self.name} | more
