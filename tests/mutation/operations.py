"""Mutants of operations: rules, decisions, the interpreter, and what carries it out."""

from tests.mutation.mutant import Mutant

_CODE = "rtmanager/domain/operations"
_TESTS = "tests/unit/domain/operations"

RULES = (
    Mutant(
        name="start that is never a replay",
        file=f"{_CODE}/start_runtime.py",
        old="        return True\n",
        new="        return False\n",
        caught_by=f"{_TESTS}/test_start_runtime.py"
        "::test_start_of_the_running_image_is_a_replay[galaxy/game:1.4.7]",
    ),
    Mutant(
        name="start of another image that is a replay",
        file=f"{_CODE}/start_runtime.py",
        old="if ImageRef.parse(record.current_image_ref).same_image_as(wanted):",
        new="if record.current_image_ref:",
        caught_by=f"{_TESTS}/test_start_runtime.py"
        "::test_start_of_another_image_on_a_running_game_is_a_conflict",
    ),
    Mutant(
        name="patch to another minor version",
        file=f"{_CODE}/patch_runtime.py",
        old="    check_patch(record.current_image_ref, wanted)\n",
        new="",
        caught_by=f"{_TESTS}/test_patch_runtime.py"
        "::test_patch_outside_the_rule_is_refused_before_any_docker_work"
        "[galaxy/game:1.5.0-SemverPatchOnly-semver_patch_only]",
    ),
    Mutant(
        name="patch that runs the old image",
        file=f"{_CODE}/executor.py",
        old="if context.operation.kind is OperationKind.RESTART and record and record.image_id:",
        new="if record and record.image_id:",
        caught_by=f"{_TESTS}/test_patch_runtime.py::test_patch_changes_image_and_container_only",
    ),
    Mutant(
        name="cleanup that removes every game's containers",
        file=f"{_CODE}/observer.py",
        old="        return self._sorted(context, context.found)\n",
        new="""        seen = self._sorted(context, context.found)
        if context.operation.kind == "cleanup_container":
            every = [await self.host.inspect(each.id) for each in await self.host.list_containers()]
            strange = [each for each in every if each and each != seen.current]
            object.__setattr__(seen, "others", [each for each in strange if not each.is_running])
        return seen
""",
        caught_by=f"{_TESTS}/test_cleanup_container.py"
        "::test_cleanup_removes_containers_of_its_own_game_only",
    ),
    Mutant(
        name="cleanup of what runs",
        file=f"{_CODE}/cleanup_container.py",
        old="    if running is not None:\n",
        new="    if running is not None and running is not seen.current:\n",
        caught_by=f"{_TESTS}/test_decisions.py::test_trap_cleanup_kills_a_running_engine[found0]",
    ),
    Mutant(
        name="stop that begins without Docker",
        file=f"{_CODE}/operations.py",
        old="needs_container = kind.replaces or (request.kind is OperationKind.STOP and runs)",
        new="needs_container = kind.replaces",
        caught_by=f"{_TESTS}/test_stop_runtime.py"
        "::test_stop_with_docker_away_is_refused_before_it_begins",
    ),
)

ADMISSION = (
    Mutant(
        name="another record judged than the one looked at",
        file=f"{_CODE}/admission.py",
        old="        if ledger.record != self.expected:\n            raise LeaseLost\n",
        new="",
        caught_by=f"{_TESTS}/test_admission.py"
        "::test_record_that_is_not_the_one_looked_at_is_not_judged",
    ),
    Mutant(
        name="intent without its predecessor",
        file=f"{_CODE}/admission.py",
        old="Admission(predecessor=self._predecessor() if kind.replaces else None)",
        new="Admission()",
        caught_by=f"{_TESTS}/test_admission.py::test_request_that_goes_on_names_its_predecessor",
    ),
    Mutant(
        name="replay and refusal without a result",
        file=f"{_CODE}/admission.py",
        old="completion=completion, messages=announcements(self.request, completion))",
        new="completion=completion)",
        caught_by=f"{_TESTS}/test_admission.py::test_replay_is_finished_at_once_with_the_record",
    ),
    Mutant(
        name="job refused for the trouble of an earlier operation",
        file=f"{_CODE}/operations.py",
        old=(
            "return error if request.origin.is_redelivered else await self._refused(request, error)"
        ),
        new="return await self._refused(request, error)",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_job_fails_for_the_trouble_of_an_earlier_operation",
    ),
    Mutant(
        name="no row of a request that got no lease",
        file=f"{_CODE}/operations.py",
        old="raise await self._refused_for_now(request, away) from away",
        new="raise",
        caught_by=f"{_TESTS}/test_operations.py::test_lease_store_away_is_service_unavailable",
    ),
    Mutant(
        name="engine that could not be asked taken for ill",
        file=f"{_CODE}/operations.py",
        old="        if answer.is_unknown:\n",
        new="        if False:\n",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_patch_without_a_gate_when_the_engine_could_not_be_asked",
    ),
)

DECIDING = (
    Mutant(
        name="refusal overlooked",
        file=f"{_CODE}/decision.py",
        old="    if refusal is not None:\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_decisions.py::test_stop_that_is_refused_or_undone_is_turned_back",
    ),
    Mutant(
        name="action repeated for ever",
        file=f"{_CODE}/decision.py",
        old="operation.attempts(action) >= MAX_ATTEMPTS",
        new="operation.attempts(action) >= 100 * MAX_ATTEMPTS",
        caught_by=f"{_TESTS}/test_replacement.py"
        "::test_action_without_a_lasting_effect_turns_it_back",
    ),
    Mutant(
        name="what every holder needs once more counted as in vain",
        file=f"{_CODE}/decision.py",
        old="if action.name not in _HOLDERS_OWN and operation",
        new="if operation",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_lost_lease_counted_as_a_dead_process",
    ),
    Mutant(
        name="container of its own taken for a later operation's",
        file=f"{_CODE}/observation.py",
        old="container.fence > operation.id",
        new="container.fence >= operation.id",
        caught_by=f"{_TESTS}/test_replacement.py"
        "::test_second_container_of_its_own_is_no_later_operations",
    ),
    Mutant(
        name="stopped container of a later operation in the way",
        file=f"{_CODE}/observation.py",
        old="    return is_later and container.is_running\n",
        new="    return is_later\n",
        caught_by=f"{_TESTS}/test_observation.py"
        "::test_only_what_runs_and_was_made_later_overtakes[8-exited-False]",
    ),
    Mutant(
        name="old engine not stopped before the new one starts",
        file=f"{_CODE}/replacement.py",
        old="    elif old.is_running:\n        yield stop(old.id, parked)\n",
        new="",
        caught_by=f"{_TESTS}/test_replacement.py::test_predecessor_is_parked_before_it_is_stopped",
    ),
    Mutant(
        name="rival not stopped",
        file=f"{_CODE}/replacement.py",
        old="    if rival is not None:\n        return attempt(operation, rival)\n",
        new="",
        caught_by=f"{_TESTS}/test_replacement.py"
        "::test_old_engine_that_someone_started_is_stopped_before_the_new_one_starts"
        "[started by hand]",
    ),
    Mutant(
        name="start in doubt sent again",
        file=f"{_CODE}/replacement.py",
        old="    if operation.is_in_doubt(start):\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_replacement.py::test_start_in_doubt_is_not_repeated",
    ),
    Mutant(
        name="failed gate let in",
        file=f"{_CODE}/replacement.py",
        old="    if seen.gate.failure is not None:\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_replacement.py::test_gate_that_failed_turns_it_back",
    ),
    Mutant(
        name="later operation's engine replaced",
        file=f"{_CODE}/replacement.py",
        old="    if later is not None:\n        return RollBack(overtaken_by(later))\n",
        new="",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_intent_in_a_backup_meets_a_later_engine[patch]",
    ),
)

ROLLING_BACK = (
    Mutant(
        name="later operation's engine stopped on the way back",
        file=f"{_CODE}/rollback.py",
        old="        and not overtakes(each, operation)\n",
        new="",
        caught_by=f"{_TESTS}/test_rollback.py::test_engine_of_a_later_operation_is_not_touched",
    ),
    Mutant(
        name="engine that exited by itself parked once more",
        file=f"{_CODE}/rollback.py",
        old=" and old.is_usable and operation.was_sent(halt):\n",
        new=" and old.is_usable:\n",
        caught_by=f"{_TESTS}/test_rollback.py"
        "::test_old_engine_that_exited_by_itself_is_left_where_it_is",
    ),
    Mutant(
        name="engine started on the way back although it did not run",
        file=f"{_CODE}/rollback.py",
        old="return operation.predecessor is not None and operation.predecessor.ran",
        new="return operation.predecessor is not None",
        caught_by=f"{_TESTS}/test_rollback.py::test_old_engine_that_did_not_run_is_not_started",
    ),
    Mutant(
        name="old engine started beside another",
        file=f"{_CODE}/rollback.py",
        old=" and not _another_runs(operation, seen, old)\n",
        new="\n",
        caught_by=f"{_TESTS}/test_rollback.py::test_old_engine_is_not_started_beside_another",
    ),
    Mutant(
        name="stop in doubt overlooked on the way back",
        file=f"{_CODE}/rollback.py",
        old="    if _should_run(operation) and old.is_running and _is_under_way(",
        new="    if not _should_run(operation) and old.is_running and _is_under_way(",
        caught_by=f"{_TESTS}/test_rollback.py::test_trap_slow_stop_cut_off",
    ),
    Mutant(
        name="name of release 0.1 forgotten",
        file=f"{_CODE}/rollback.py",
        old="    if old.name == parked_name_of_0_1(operation.game_id, operation.id):\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_patch_of_0_1_open_over_the_upgrade[galaxy/game:1.4.9]",
    ),
)

INTERPRETING = (
    Mutant(
        name="action not written ahead",
        file=f"{_CODE}/interpreter.py",
        old="            if not context.is_fresh:\n                await self._write_ahead",
        new="            if False:\n                await self._write_ahead",
        caught_by=f"{_TESTS}/test_interpreter.py::test_action_is_written_ahead[restart]",
    ),
    Mutant(
        name="predecessor removed before the outcome is committed",
        file=f"{_CODE}/interpreter.py",
        old="        messages = announcements(context.operation.request, ended)\n",
        new="""        messages = announcements(context.operation.request, ended)
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
        old="return await asyncio.shield(self._begin(work, name))",
        new="return await self._begin(work, name)",
        caught_by="tests/unit/domain/test_concurrency.py::test_work_goes_on_when_its_caller_is_cancelled",
    ),
    Mutant(
        name="resumption that is not shared",
        file="rtmanager/domain/concurrency.py",
        old="        if running is None or running.done():\n",
        new="        if True:\n",
        caught_by=f"{_TESTS}/test_resumption.py::test_resumption_is_shared_by_those_who_ask_for_it",
    ),
    Mutant(
        name="drain that overlooks what begins meanwhile",
        file="rtmanager/domain/concurrency.py",
        old="        while self._tasks:\n",
        new="        if self._tasks:\n",
        caught_by=f"{_TESTS}/test_simulation_findings.py"
        "::test_what_begins_during_a_drain_is_drained",
    ),
    Mutant(
        name="last write left at the first cancellation",
        file="rtmanager/domain/concurrency.py",
        old="            if task.cancelled():\n                raise\n",
        new="            raise\n",
        caught_by="tests/unit/domain/test_concurrency.py"
        "::test_undisturbed_work_is_finished_however_often_its_caller_is_cancelled",
    ),
)

CARRYING_OUT = (
    Mutant(
        name="patch whose gate is passed at the first answer",
        file=f"{_CODE}/executor.py",
        old="Gate(timeout, must_answer=True, stays_up=PATCHED_STAYS_UP)",
        new="Gate(timeout, must_answer=True)",
        caught_by=f"{_TESTS}/test_executor.py"
        "::test_only_the_patch_of_a_healthy_engine_must_prove_itself[patch-True-gate0]",
    ),
    Mutant(
        name="engine killed at once when it is to stop",
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
        "::test_engine_that_someone_starts_again_after_its_exit_is_not_let_in",
    ),
)

OF_OPERATIONS = (
    *(*RULES, *ADMISSION, *DECIDING, *ROLLING_BACK),
    *(*INTERPRETING, *CARRYING_OUT),
)
