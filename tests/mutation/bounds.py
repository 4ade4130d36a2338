"""Mutants of the bounds on what others write and on what is done about it."""

from tests.mutation.mutant import Mutant

_UNIT = "tests/unit/domain"

OF_BOUNDS = (
    Mutant(
        name="job's row deleted while its entry may be delivered again",
        file="rtmanager/domain/reconciliation/prune_operation_log.py",
        old="oldest_jobs=await self.jobs.oldest(),",
        new="oldest_jobs=dict.fromkeys(await self.jobs.oldest()),",
        caught_by=f"{_UNIT}/reconciliation/test_prune_operation_log.py"
        "::TestJobs::test_row_of_a_job_stays_while_its_entry_is_in_the_stream",
    ),
    Mutant(
        name="job's row kept no longer than others",
        file="rtmanager/domain/reconciliation/prune_operation_log.py",
        old="jobs_finished_before=now - max(self.keep, JOBS_KEPT),",
        new="jobs_finished_before=now - self.keep,",
        caught_by=f"{_UNIT}/reconciliation/test_prune_operation_log.py"
        "::TestJobs::test_row_of_a_job_stays_for_a_week[2-1]",
    ),
    Mutant(
        name="intents for every image",
        file="rtmanager/domain/messages.py",
        old="is_redelivered:\n        return (of_game,)\n",
        new="is_redelivered:\n        return ()\n",
        caught_by=f"{_UNIT}/test_messages.py"
        "::test_intents_of_a_game_and_code_share_a_quota[start_config_invalid]",
    ),
    Mutant(
        name="intents of jobs limited together with those of made-up games",
        file="rtmanager/domain/messages.py",
        old="    if not is_new_game or request.origin.is_redelivered:\n",
        new="    if not is_new_game:\n",
        caught_by=f"{_UNIT}/test_messages.py"
        "::test_first_start_by_a_job_is_announced_during_a_flood_of_made_up_games",
    ),
    Mutant(
        name="all failed drifts looked through at each failure",
        file="rtmanager/domain/reconciliation/backoff.py",
        old="        if now < self._forget_at:\n",
        new="        if now < 0:\n",
        caught_by=f"{_UNIT}/reconciliation/test_backoff.py"
        "::test_abandoned_drift_is_looked_for_once_a_minute",
    ),
    Mutant(
        name="warning of disk use ended by an incomplete count",
        file="rtmanager/domain/monitoring/measure_disk_use.py",
        old="max(level, before, Level.UNKNOWN)",
        new="max(level, Level.UNKNOWN)",
        caught_by=f"{_UNIT}/monitoring/test_measure_disk_use.py"
        "::test_engine_that_cannot_be_measured_now_and_then_is_warned_of_once[high]",
    ),
)
