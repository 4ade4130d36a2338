"""Mutants of what is decided: the rules, the decisions, the rollback."""

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
        old="if names_image(record.current_image_ref, wanted):",
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
        file=f"{_CODE}/prepare_checks.py",
        old="return kind.replaces or (kind.needs_engine and _runs(record))",
        new="return kind.replaces",
        caught_by=f"{_TESTS}/test_stop_runtime.py"
        "::test_stop_with_docker_away_is_refused_before_it_begins",
    ),
)

DECIDING = (
    Mutant(
        name="refusal overlooked",
        file=f"{_CODE}/decision.py",
        old="    if refusal is not None:\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_decisions.py::test_stop_that_is_refused_or_reverted_is_rolled_back",
    ),
    Mutant(
        name="action repeated forever",
        file=f"{_CODE}/decision.py",
        old="operation.attempts(action) >= MAX_ATTEMPTS",
        new="operation.attempts(action) >= 100 * MAX_ATTEMPTS",
        caught_by=f"{_TESTS}/test_replacement.py"
        "::test_action_without_a_lasting_effect_rolls_it_back",
    ),
    Mutant(
        name="what every new holder repeats counted as a failed attempt",
        file=f"{_CODE}/decision.py",
        old="if action.name not in _HOLDERS_OWN and operation",
        new="if operation",
        caught_by=f"{_TESTS}/test_traps_of_changes.py"
        "::test_trap_lost_lease_counted_as_a_dead_process",
    ),
    Mutant(
        name="own container taken for a later operation's",
        file=f"{_CODE}/observation.py",
        old="container.fence > operation.id",
        new="container.fence >= operation.id",
        caught_by=f"{_TESTS}/test_replacement.py"
        "::test_second_container_of_its_own_is_no_later_operations",
    ),
    Mutant(
        name="stopped container of a later operation counted as overtaking",
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
        name="failed gate accepted",
        file=f"{_CODE}/replacement.py",
        old="    if seen.gate.failure is not None:\n",
        new="    if False:\n",
        caught_by=f"{_TESTS}/test_replacement.py::test_gate_that_failed_rolls_it_back",
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
        name="later operation's engine stopped in a rollback",
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
        name="engine started in a rollback although it did not run",
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
        name="stop in doubt overlooked in a rollback",
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

OF_DECISIONS = (*RULES, *DECIDING, *ROLLING_BACK)
