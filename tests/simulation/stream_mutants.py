"""The way of jobs and messages with one thing wrong at a time; an invariant must notice each."""

from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.outbox import OutboxTable
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.operations import admission, interpreter
from rtmanager.workers.job_consumer import JobConsumer
from tests.simulation import wrong_streams as wrong
from tests.simulation.mutants import Mutant, Patch


def _mutant(name: str, *patches: Patch) -> Mutant:
    return Mutant(name, patches, supervised=True)


STREAM_MUTANTS = (
    _mutant("acknowledged before the outcome", (HandleJob, "_carry_out", wrong.acknowledge_first)),
    _mutant(
        "published and marked apart",
        (InMemoryMessagePublisher, "publish", wrong.publish_and_mark_apart),
    ),
    _mutant(
        "result from memory",
        (HandleJob, "_carry_out", wrong.tell_from_memory),
        (interpreter, "announcements", wrong.announce_without_result),
        (admission, "announcements", wrong.announce_without_result),
    ),
    _mutant("relay without its lock", (OutboxTable, "borrow", wrong.lend_to_anyone)),
    _mutant("relay without its fence", (InMemoryMessagePublisher, "publish", wrong.publish_stale)),
    _mutant("jobs of a game at once", (JobConsumer, "_take", wrong.take_each_by_itself)),
    _mutant(
        "job carried out again",
        (InMemoryOperationJournal, "_demand_new_job", wrong.accept_any_job),
    ),
)
