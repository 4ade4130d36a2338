"""Mutants that once survived all tests, each with the test that was written to catch it."""

from tests.mutation.mutant import Mutant

_UNIT = "tests/unit"
_RECONCILIATION = f"{_UNIT}/domain/reconciliation"
_OPERATIONS = f"{_UNIT}/domain/operations"
_WORKERS = f"{_UNIT}/workers"
_WIRING = f"{_UNIT}/bootstrap/test_composition.py"

RETENTION = (
    Mutant(
        name="retention counted from the first start",
        file="rtmanager/domain/reconciliation/expire_containers.py",
        old="RuntimeStatus.STOPPED and record.last_op_at < before",
        new="RuntimeStatus.STOPPED and record.created_at < before",
        caught_by=f"{_RECONCILIATION}/test_expire_containers.py"
        "::test_game_that_ran_for_long_has_its_whole_time_from_its_stop",
    ),
    Mutant(
        name="retention counted from the last start",
        file="rtmanager/domain/reconciliation/expire_containers.py",
        old="RuntimeStatus.STOPPED and record.last_op_at < before",
        new="RuntimeStatus.STOPPED and (record.started_at or before) < before",
        caught_by=f"{_RECONCILIATION}/test_expire_containers.py"
        "::test_game_that_ran_for_long_has_its_whole_time_from_its_stop",
    ),
    Mutant(
        name="retention counted from an exit that was never observed",
        file="rtmanager/domain/reconciliation/expire_containers.py",
        old="RuntimeStatus.STOPPED and record.last_op_at < before",
        new="RuntimeStatus.STOPPED and (record.stopped_at or before) < before",
        caught_by=f"{_RECONCILIATION}/test_expire_containers.py"
        "::test_exit_that_was_found_late_counts_from_when_it_was_found",
    ),
    Mutant(
        name="retention without a second check",
        file="rtmanager/domain/reconciliation/expire_containers.py",
        old="if record is None or not _expired(record, before):",
        new="if record is None:",
        caught_by=f"{_RECONCILIATION}/test_expire_containers.py"
        "::test_game_that_was_started_and_stopped_meanwhile_is_spared",
    ),
    Mutant(
        name="retention in hours",
        file="rtmanager/bootstrap/policies.py",
        old="retention=timedelta(days=settings.container_retention_days)",
        new="retention=timedelta(hours=settings.container_retention_days)",
        caught_by=f"{_WIRING}::test_retention_is_in_days",
    ),
)

WIRING = (
    Mutant(
        name="probe threshold by default",
        file="rtmanager/bootstrap/policies.py",
        old="probe_threshold=settings.probe_failures_threshold",
        new="probe_threshold=3",
        caught_by=f"{_WIRING}::test_probe_reports_a_failure_after_as_many_misses_as_are_set",
    ),
    Mutant(
        name="probe threshold from another setting",
        file="rtmanager/bootstrap/policies.py",
        old="probe_threshold=settings.probe_failures_threshold",
        new="probe_threshold=settings.job_concurrency",
        caught_by=f"{_WIRING}::test_probe_reports_a_failure_after_as_many_misses_as_are_set",
    ),
    Mutant(
        name="probe timeout by default",
        file="rtmanager/bootstrap/connections.py",
        old="HttpEngineProbe(timeout=settings.probe_timeout)",
        new="HttpEngineProbe()",
        caught_by=f"{_WIRING}"
        "::test_engines_have_as_long_to_answer_and_leases_live_as_long_as_is_set",
    ),
    Mutant(
        name="gate of a start taken for that of a patch",
        file="rtmanager/bootstrap/policies.py",
        old="start_gate_timeout=settings.start_gate_timeout",
        new="start_gate_timeout=settings.patch_gate_timeout",
        caught_by=f"{_WIRING}::test_engine_gets_the_graces_that_are_set",
    ),
    Mutant(
        name="grace of a stop by default",
        file="rtmanager/bootstrap/policies.py",
        old="stop_timeout=settings.container_stop_timeout_seconds",
        new="stop_timeout=30",
        caught_by=f"{_WIRING}::test_engine_gets_the_graces_that_are_set",
    ),
    Mutant(
        name="no grace for a container without an operation",
        file="rtmanager/bootstrap/cycles.py",
        old="Backoff(ports.clock), policy.grace\n",
        new="Backoff(ports.clock), 0.0\n",
        caught_by=f"{_WIRING}::test_container_that_belongs_to_no_operation_has_its_grace",
    ),
    Mutant(
        name="jobs assembled with the wait of requests",
        file="rtmanager/bootstrap/cycles.py",
        old="handle_job=HandleJob(more.jobs, operations)",
        new="handle_job=HandleJob(more.jobs, operations, operations.lease_wait)",
        caught_by=f"{_WIRING}::test_requests_wait_as_is_set_and_jobs_for_five_minutes",
    ),
    Mutant(
        name="wait of jobs ignored",
        file="rtmanager/domain/messaging/handle_job.py",
        old="self.operations.run_next(requests, wait=self.lease_wait)",
        new="self.operations.run_next(requests)",
        caught_by=f"{_UNIT}/domain/messaging/test_handle_job.py"
        "::test_job_waits_five_minutes_for_others_on_its_game",
    ),
    Mutant(
        name="jobs that do not wait",
        file="rtmanager/domain/messaging/handle_job.py",
        old="LEASE_WAIT = 300.0",
        new="LEASE_WAIT = 0.0",
        caught_by=f"{_UNIT}/domain/messaging/test_handle_job.py"
        "::test_job_whose_game_is_busy_for_longer_is_refused",
    ),
)

DOUBT_AND_LOSS = (
    Mutant(
        name="start that timed out believed failed",
        file="rtmanager/domain/operations/interpreter.py",
        old="_failed(step, StepResult.UNKNOWN, error)",
        new="_failed(step, StepResult.REFUSED, error)",
        caught_by=f"{_OPERATIONS}/test_start_runtime.py"
        "::test_start_that_timed_out_and_did_nothing_stays_open",
    ),
    Mutant(
        name="start without an answer taken for a refusal",
        file="rtmanager/domain/operations/interpreter.py",
        old="_UNKNOWN = (DockerUnavailable, ServiceUnavailable)",
        new="_UNKNOWN = (ServiceUnavailable,)",
        caught_by=f"{_OPERATIONS}/test_start_runtime.py"
        "::test_start_that_timed_out_and_did_nothing_stays_open",
    ),
    Mutant(
        name="interrupted stop that reports a loss",
        file="rtmanager/domain/operations/stop_runtime.py",
        old="return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record, details=",
        new="""from rtmanager.domain.health import loss_event
    lost = seen.record and loss_event(seen.record, seen.current, at=seen.at)
    found = (lost,) if lost and operation.steps and not operation.attempts(
        stop(lost.container_id)) else ()
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record, events=found, details=""",
        caught_by=f"{_OPERATIONS}/test_stop_runtime.py"
        "::test_stop_that_was_interrupted_reports_no_loss[host.stop:done]",
    ),
    Mutant(
        name="adoption that reports no loss",
        file="rtmanager/domain/operations/reconcile_runtime.py",
        old="events=[lost, started] if lost else [started]",
        new="events=[started]",
        caught_by=f"{_RECONCILIATION}/test_traps.py"
        "::test_adoption_of_the_engine_beside_a_lost_one_reports_both",
    ),
    Mutant(
        name="engine without an address healthy to the probe",
        file="rtmanager/domain/monitoring/probe_engines.py",
        old='ProbeAnswer(healthy=False, error="the container has no address")',
        new='ProbeAnswer(healthy=True, error="the container has no address")',
        caught_by=f"{_UNIT}/domain/monitoring/test_probe_engines.py"
        "::test_engine_without_an_address_misses",
    ),
    Mutant(
        name="engine without an address healthy to the gate",
        file="rtmanager/domain/operations/health_gate.py",
        old='ProbeAnswer(healthy=False, error="the container has no address yet")',
        new='ProbeAnswer(healthy=True, error="the container has no address yet")',
        caught_by=f"{_OPERATIONS}/test_health_gate.py"
        "::test_container_without_an_address_is_not_asked",
    ),
)

STREAMS_AND_LEASES = (
    Mutant(
        name="events asked for from now on after a lost connection",
        file="rtmanager/workers/events.py",
        old="        if self._since is None:\n",
        new="        if True:\n",
        caught_by=f"{_WORKERS}/test_events.py::test_new_connection_resumes_from_the_last_event",
    ),
    Mutant(
        name="events asked for from the beginning after a lost connection",
        file="rtmanager/workers/events.py",
        old="            self._since = event.at\n",
        new="",
        caught_by=f"{_WORKERS}/test_events.py::test_new_connection_resumes_from_the_last_event",
    ),
    Mutant(
        name="wake-up during a send forgotten",
        file="rtmanager/workers/relay.py",
        old="""            self._woken.clear()
            try:
                sent = await self.relay.run()
""",
        new="""            try:
                sent = await self.relay.run()
                self._woken.clear()
""",
        caught_by=f"{_WORKERS}/test_relay.py"
        "::test_message_committed_while_an_empty_batch_is_lent_is_relayed_at_once",
    ),
    Mutant(
        name="pause after every batch",
        file="rtmanager/workers/relay.py",
        old="            if sent < BATCH:",
        new="            if True:",
        caught_by=f"{_WORKERS}/test_relay.py::test_batch_follows_batch_without_a_pause",
    ),
    Mutant(
        name="messages in no particular order",
        file="rtmanager/adapters/postgres/outbox.py",
        old="AND sent_at IS NULL ORDER BY id LIMIT %s\n",
        new="AND sent_at IS NULL LIMIT %s\n",
        caught_by=f"{_UNIT}/adapters/postgres/test_outbox.py"
        "::test_oldest_messages_are_lent_first_wherever_they_lie",
    ),
    Mutant(
        name="lease counted from a slow answer",
        file="rtmanager/adapters/redis/game_lease.py",
        old="return RedisGameLease(key, number, taken_at=sent_at)",
        new="return RedisGameLease(key, number, taken_at=time.monotonic())",
        caught_by=f"{_UNIT}/adapters/redis/test_game_lease.py"
        "::test_lease_counts_from_before_it_was_asked_for",
    ),
    Mutant(
        name="renewal counted from a slow answer",
        file="rtmanager/adapters/redis/game_lease.py",
        old="                self._valid_until = sent_at + self._key.ttl\n",
        new="                self._valid_until = time.monotonic() + self._key.ttl\n",
        caught_by=f"{_UNIT}/adapters/redis/test_game_lease.py"
        "::test_renewed_lease_counts_from_before_the_renewal_was_sent",
    ),
)

SURVIVORS = (*RETENTION, *WIRING, *DOUBT_AND_LOSS, *STREAMS_AND_LEASES)
