"""Mutants of how operations run: admission, the interpreter, the executor."""

from tests.mutation.mutant import Mutant

_CODE = "rtmanager/domain/operations"
_TESTS = "tests/unit/domain/operations"

ADMISSION = (
    Mutant(
        name="judged record differs from the expected one",
        file=f"{_CODE}/admission.py",
        old="        if ledger.record != self.expected:\n            raise LeaseLost\n",
        new="",
        caught_by=f"{_TESTS}/test_admission.py"
        "::test_record_that_is_not_the_observed_one_is_not_judged",
    ),
    Mutant(
        name="intent without its predecessor",
        file=f"{_CODE}/admission.py",
        old="            predecessor = self._predecessor() if kind.replaces else None\n",
        new="            predecessor = None\n",
        caught_by=f"{_TESTS}/test_admission.py::test_admitted_request_names_its_predecessor",
    ),
    Mutant(
        name="replay and refusal without a result",
        file=f"{_CODE}/admission.py",
        old="return Admission(completion=completion, messages=messages, trace_id=self.trace_id)",
        new="return Admission(completion=completion, trace_id=self.trace_id)",
        caught_by=f"{_TESTS}/test_admission.py::test_replay_is_finished_at_once_with_the_record",
    ),
    Mutant(
        name="image that is not allowed admitted",
        file=f"{_CODE}/admission.py",
        old="            self._check_image(ledger.record)\n",
        new="            pass\n",
        caught_by=f"{_TESTS}/test_allowed_images.py"
        "::test_start_of_another_image_is_refused_before_docker_is_called[127.0.0.1:6379/x:1]",
    ),
    Mutant(
        name="image compared before the rule",
        file=f"{_CODE}/admission.py",
        old="        if kind.rule(self.request, ledger, self.current):\n            return True\n",
        new="        if kind.replaces:\n            self._check_image(ledger.record)\n"
        "        if kind.rule(self.request, ledger, self.current):\n            return True\n",
        caught_by=f"{_TESTS}/test_allowed_images.py"
        "::test_what_is_refused_anyway_has_the_same_code_with_any_list[runs]",
    ),
    Mutant(
        name="job refused because an earlier operation failed",
        file=f"{_CODE}/refusals.py",
        old="        if request.origin.is_redelivered:\n            return error\n",
        new="",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_job_fails_for_the_trouble_of_an_earlier_operation",
    ),
    Mutant(
        name="row for every refusal of a game that never ran",
        file=f"{_CODE}/admission.py",
        old="not self.may_record():",
        new="not [self.may_record()]:",
        caught_by=f"{_TESTS}/test_refusals.py::test_flood_on_new_games_writes_only_a_burst[start]",
    ),
    Mutant(
        name="no row for some refusals of a game with a record",
        file=f"{_CODE}/admission.py",
        old="if ledger.record is None and not self.may_record():",
        new="if not self.may_record():",
        caught_by=f"{_TESTS}/test_refusals.py"
        "::test_refusal_of_a_game_with_a_record_always_has_a_row",
    ),
    Mutant(
        name="job without a row and a result",
        file=f"{_CODE}/refusals.py",
        old="return request.origin.is_redelivered or self.rate.admits()",
        new="return self.rate.admits()",
        caught_by=f"{_TESTS}/test_refusals.py::test_job_always_has_a_row_and_a_result",
    ),
    Mutant(
        name="no row for a request that got no lease",
        file=f"{_CODE}/operations.py",
        old="raise await self.refusals.refused_for_now(request, away, since=began) from away",
        new="raise",
        caught_by=f"{_TESTS}/test_operations.py::test_lease_store_away_is_service_unavailable",
    ),
    Mutant(
        name="engine that could not be probed taken for unhealthy",
        file=f"{_CODE}/prepare_checks.py",
        old="        if answer.is_unknown:\n",
        new="        if False:\n",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_patch_without_a_gate_when_the_engine_could_not_be_asked",
    ),
)

_TOGETHER = "tests/unit/domain/messaging/test_handle_jobs_together.py"

TOGETHER = (
    Mutant(
        name="request decided despite the work before it",
        file="rtmanager/adapters/in_memory/operation_journal.py",
        old="            if admission is not None and admission.completion is None:\n",
        new="            if False:\n",
        caught_by=f"{_TOGETHER}::test_work_ends_what_is_decided_together",
    ),
    Mutant(
        name="observation that failed used for every request",
        file=f"{_CODE}/prepare_checks.py",
        old="decidable = attempts if current.error is None else attempts[:1]",
        new="decidable = attempts",
        caught_by=f"{_TOGETHER}::test_observation_that_failed_counts_for_one_job",
    ),
    Mutant(
        name="recorded job decided again",
        file="rtmanager/adapters/in_memory/operation_journal.py",
        old="None if self._is_recorded(each.request) else each(ledger)",
        new="each(ledger)",
        caught_by=f"{_TOGETHER}::test_jobs_whose_acknowledgement_was_lost_are_answered_once",
    ),
    Mutant(
        name="every outcome taken for a recorded one",
        file=f"{_CODE}/answering.py",
        old="is_recorded=error is attempt.refusal",
        new="is_recorded=True",
        caught_by=f"{_TOGETHER}::test_job_without_an_outcome_leaves_those_before_it_done",
    ),
)

INTERPRETING = (
    Mutant(
        name="action not written ahead",
        file=f"{_CODE}/interpreter.py",
        old="early.end()\n                await self._write_ahead(context)",
        new="early.end()",
        caught_by=f"{_TESTS}/test_interpreter.py::test_action_is_written_ahead[restart]",
    ),
    Mutant(
        name="container not observed again after its engine's first answer",
        file=f"{_CODE}/interpreter.py",
        old="is_brief and action.name is not ActionName.WATCH_GATE",
        new="is_brief",
        caught_by=f"{_TESTS}/test_health_gate.py"
        "::test_engine_that_exits_after_its_first_answer_has_failed",
    ),
    Mutant(
        name="predecessor removed before the outcome is committed",
        file=f"{_CODE}/interpreter.py",
        old="        is_new_game = context.record is None\n",
        new="""        is_new_game = context.record is None
        for leftover in ended.leftovers:
            await self._remove_leftover(context, leftover)
""",
        caught_by=f"{_TESTS}/test_interpreter.py"
        "::test_outcome_comes_before_the_predecessor_is_removed",
    ),
    Mutant(
        name="lease not checked before a write",
        file=f"{_CODE}/interpreter.py",
        old="            context.lease.check()\n",
        new="",
        caught_by=f"{_TESTS}/test_interpreter.py"
        "::test_lost_lease_stops_the_operation_at_its_next_step",
    ),
    Mutant(
        name="action that was never sent left in doubt",
        file=f"{_CODE}/interpreter.py",
        old="            context.operation = before  #",
        new="            pass  #",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_action_that_was_never_sent_is_in_doubt",
    ),
    Mutant(
        name="operation cut off by a shutdown not handed over",
        file=f"{_CODE}/interpreter.py",
        old="""        except asyncio.CancelledError:
            await shielded(self._hand_over(context))
            raise
""",
        new="",
        caught_by=f"{_TESTS}/test_traps_of_holders.py::test_shutdown_hands_over[host.stop]",
    ),
    Mutant(
        name="operation that ends with its caller",
        file="rtmanager/domain/concurrency.py",
        old="return await asyncio.shield(self._begin(work, name, about))",
        new="return await self._begin(work, name, about)",
        caught_by="tests/unit/domain/test_concurrency.py::test_work_continues_when_its_caller_is_cancelled",
    ),
    Mutant(
        name="resumption that is not shared",
        file="rtmanager/domain/concurrency.py",
        old="        if running is None or running.done():\n",
        new="        if True:\n",
        caught_by=f"{_TESTS}/test_resumption.py::test_resumption_is_shared_by_its_callers",
    ),
    Mutant(
        name="drain that overlooks work begun meanwhile",
        file="rtmanager/domain/concurrency.py",
        old="        while self._tasks:\n",
        new="        if self._tasks:\n",
        caught_by=f"{_TESTS}/test_simulation_findings.py"
        "::test_what_begins_during_a_drain_is_drained",
    ),
    Mutant(
        name="last write abandoned at the first cancellation",
        file="rtmanager/domain/concurrency.py",
        old="            if task.cancelled():\n                raise\n",
        new="            raise\n",
        caught_by="tests/unit/domain/test_concurrency.py"
        "::test_shielded_work_is_finished_however_often_its_caller_is_cancelled",
    ),
)

EXECUTING = (
    Mutant(
        name="patch whose gate is passed at the first answer",
        file=f"{_CODE}/executor.py",
        old="Gate(timeout, must_answer=True, stays_up=PATCHED_STAYS_UP)",
        new="Gate(timeout, must_answer=True)",
        caught_by=f"{_TESTS}/test_executor.py"
        "::test_only_the_patch_of_a_healthy_engine_needs_the_health_gate[patch-True-gate0]",
    ),
    Mutant(
        name="container of an image that is not allowed started by the next holder",
        file=f"{_CODE}/executor.py",
        old="if action.name is ActionName.START and context.operation.phase is Phase.FORWARD:",
        new="if action.name is None:",
        caught_by=f"{_TESTS}/test_allowed_images.py"
        "::test_created_container_is_not_started_under_a_tighter_list[host.create]",
    ),
    Mutant(
        name="rollback that starts only what is still allowed",
        file=f"{_CODE}/executor.py",
        old="if action.name is ActionName.START and context.operation.phase is Phase.FORWARD:",
        new="if action.name is ActionName.START:",
        caught_by=f"{_TESTS}/test_allowed_images.py"
        "::test_rollback_under_a_tighter_list_brings_back_what_ran[restart]",
    ),
    Mutant(
        name="image that is no longer allowed obtained by the next holder",
        file=f"{_CODE}/executor.py",
        old="""        self.policy.allowed_images.check(context.image_ref)
        record = context.record
""",
        new="        record = context.record\n",
        caught_by=f"{_TESTS}/test_allowed_images.py"
        "::test_start_that_is_resumed_under_a_tighter_list_fails[store.begin:done]",
    ),
    Mutant(
        name="registry's answer told to the caller",
        file=f"{_CODE}/executor.py",
        old="    if failed.detail:\n",
        new='    words += f" {failed.detail}"\n    if failed.detail:\n',
        caught_by=f"{_TESTS}/test_start_runtime.py"
        "::test_what_a_registry_answers_is_in_the_row_and_the_log_only",
    ),
    Mutant(
        name="image's own health check unbounded",
        file=f"{_CODE}/container_spec.py",
        old="bounded_intervals(image.health_intervals)",
        new="image.health_intervals",
        caught_by=f"{_TESTS}/test_container_spec.py::test_spec_bounds_the_health_check_of_the_image",
    ),
    Mutant(
        name="image's own health check of any length",
        file=f"{_CODE}/container_spec.py",
        old="    check_test_length(image.health_test_length)\n",
        new="",
        caught_by=f"{_TESTS}/test_container_spec.py::test_image_with_a_long_health_check_is_refused",
    ),
    Mutant(
        name="engine killed at once instead of stopped",
        file=f"{_CODE}/executor.py",
        old="grace=self.policy.stop_timeout)",
        new="grace=0)",
        caught_by=f"{_TESTS}/test_traps.py::test_trap_slow_stop_cut_off[restart]",
    ),
    Mutant(
        name="exit while the gate is watched overlooked",
        file=f"{_CODE}/health_gate.py",
        old="            if answer is _EXITED:\n                return _has_exited()\n",
        new="",
        caught_by=f"{_TESTS}/test_health_gate.py"
        "::test_engine_that_someone_starts_again_after_its_exit_fails_the_gate",
    ),
)

OBSERVING = (
    Mutant(
        name="progress written after the answer of its step",
        file=f"{_CODE}/step_progress.py",
        old="        while self._writing is not None and not self._is_idle:\n",
        new="        while False:\n",
        caught_by=f"{_TESTS}/test_step_progress.py"
        "::test_a_slow_write_is_waited_for_and_not_doubled",
    ),
    Mutant(
        name="slow Docker taken for one that left",
        file=f"{_CODE}/exit_reading.py",
        old=" and not isinstance(error, HostSilent)\n",
        new="\n",
        caught_by="tests/unit/domain/insight/test_explanation.py"
        "::test_docker_that_is_slow_has_not_gone_away",
    ),
)

_CONCLUSIONS = f"{_TESTS}/test_conclusions.py"

CONCLUDING = (
    Mutant(
        name="refusal that says what runs without asking Docker",
        file=f"{_CODE}/prepare_checks.py",
        old="    if has_container and _needs_container(check.request, record):\n",
        new="    if False:\n",
        caught_by=f"{_CONCLUSIONS}::test_refusal_that_says_what_runs_asks_docker",
    ),
    Mutant(
        name="conclusion beside an open operation",
        file="rtmanager/adapters/in_memory/operation_journal.py",
        old="if self._open(game_id) or self.store",
        new="if self.store",
        caught_by=f"{_CONCLUSIONS}::test_open_operation_keeps_it_waiting",
    ),
    Mutant(
        name="conclusion from an old record",
        file="rtmanager/adapters/in_memory/operation_journal.py",
        old="if self._open(game_id) or self.store.runtime_records.get(game_id) != record:",
        new="if self._open(game_id):",
        caught_by=f"{_CONCLUSIONS}::test_record_that_changes_meanwhile_is_read_again",
    ),
)

OF_OPERATIONS = (*CONCLUDING, *ADMISSION, *TOGETHER, *INTERPRETING, *EXECUTING, *OBSERVING)
