"""Mutants of reconciliation, jobs and messages, and of the workers that run them."""

from tests.mutation.mutant import Mutant

_RECONCILIATION = "tests/unit/domain/reconciliation"
_MESSAGING = "tests/unit/domain/messaging"
_WORKERS = "tests/unit/workers"

RECONCILIATION = (
    Mutant(
        name="event after the operation's last observation taken for its own",
        file="rtmanager/domain/reconciliation/record_docker_event.py",
        old="last.began < hint.arrived or ",
        new="",
        caught_by=f"{_WORKERS}/test_events.py"
        "::test_engine_that_exits_after_an_operation_is_looked_into",
    ),
    Mutant(
        name="containers of stopped games removed",
        file="rtmanager/domain/reconciliation/drift.py",
        old="    keep = adoptable or view.current\n",
        new="    keep = adoptable or (view.current if _record_runs(view) else None)\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py"
        "::test_agreement_is_no_drift[record2-containers2]",
    ),
    Mutant(
        name="fresh container removed",
        file="rtmanager/domain/reconciliation/drift.py",
        old=" or each.created_at > spared_since:\n",
        new=":\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py"
        "::test_trap_reaper_spares_fresh_and_foreign[59.999-expected0]",
    ),
    Mutant(
        name="drift found despite an open operation",
        file="rtmanager/domain/reconciliation/drift.py",
        old="        return [_open_operation(view.game_id, view.open_operation)]\n",
        new="        pass\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py::test_open_operation_comes_alone",
    ),
    Mutant(
        name="exit reported for a stopped game",
        file="rtmanager/domain/reconciliation/drift.py",
        old="    elif _record_runs(view) and not current.is_running:\n",
        new="    elif not current.is_running:\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py"
        "::test_agreement_is_no_drift[record2-containers2]",
    ),
    Mutant(
        name="engine of a stopped game not adopted",
        file="rtmanager/domain/reconciliation/drift.py",
        old="        return None if _record_runs(view) or not _surely_runs(current) else current\n",
        new="        return None\n",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py"
        "::test_engine_that_someone_started_is_adopted",
    ),
    Mutant(
        name="anything that runs adopted",
        file="rtmanager/domain/reconciliation/drift.py",
        old="    if engine is None and view.record is None:\n",
        new="    if engine is None:\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py"
        "::test_running_engine_with_another_name_is_not_adopted",
    ),
    Mutant(
        name="container that is being removed renamed",
        file="rtmanager/domain/reconciliation/drift.py",
        old=(
            "    if current is not None and not current.is_being_removed "
            "and current.name != name:\n"
        ),
        new="    if current is not None and current.name != name:\n",
        caught_by=f"{_RECONCILIATION}/test_drift.py"
        "::test_container_that_docker_is_removing_needs_no_name",
    ),
    Mutant(
        name="open operation found and left",
        file="rtmanager/domain/reconciliation/reconcile_game.py",
        old="                self.operations.resume_in_background(game_id)\n",
        new="",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py"
        "::test_open_intent_is_resumed_by_the_reconciler_alone",
    ),
    Mutant(
        name="list of containers believed",
        file="rtmanager/domain/reconciliation/observe_game.py",
        old="            ids.add(record.current_container_id)\n",
        new="            pass\n",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py"
        "::test_container_that_the_list_does_not_show_yet_is_inspected",
    ),
    Mutant(
        name="concurrent change taken for a failure",
        file="rtmanager/domain/reconciliation/reconcile_game.py",
        old="        except Conflict:\n            return True ",
        new="        except Conflict:\n            return False ",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py"
        "::test_engine_that_exits_before_its_adoption_is_not_adopted",
    ),
    Mutant(
        name="one game reconciled without end",
        file="rtmanager/domain/reconciliation/reconcile_game.py",
        old="        for _ in range(MAX_ROUNDS):\n",
        new="        while True:\n",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py"
        "::test_game_that_keeps_drifting_is_left_to_the_next_cycle",
    ),
    Mutant(
        name="exit logged as a disposal",
        file="rtmanager/domain/reconciliation/reconcile_game.py",
        old="DriftKind.OBSERVED_EXIT: OperationKind.RECONCILE_OBSERVED_EXIT",
        new="DriftKind.OBSERVED_EXIT: OperationKind.RECONCILE_DISPOSE",
        caught_by=f"{_RECONCILIATION}/test_reconcile_game.py::test_exit_is_observed_and_reported",
    ),
)

HANDOVERS = (
    Mutant(
        name="handover taken over while its holder works on it",
        file="rtmanager/domain/reconciliation/resume_handed_over.py",
        old="            return await self.operations.under_lease(game_id, resume, wait=0.0)\n",
        new="            self.operations.resume_in_background(game_id)\n            return True\n",
        caught_by=f"{_RECONCILIATION}/test_resume_handed_over.py"
        "::test_start_that_waits_for_its_turn_is_left_to_its_holder",
    ),
    Mutant(
        name="handover with a holder never checked again",
        file="rtmanager/domain/reconciliation/resume_handed_over.py",
        old="self._resumed.update(resumed)",
        new="self._resumed.update(due)",
        caught_by=f"{_RECONCILIATION}/test_resume_handed_over.py"
        "::test_operation_with_a_holder_at_one_cycle_is_resumed_at_the_next",
    ),
    Mutant(
        name="handover tried every second",
        file="rtmanager/domain/reconciliation/resume_handed_over.py",
        old=" if each not in self._resumed}",
        new="}",
        caught_by=f"{_RECONCILIATION}/test_resume_handed_over.py"
        "::test_operation_that_could_not_proceed_is_left_to_the_reconciliation",
    ),
    Mutant(
        name="handover taken over without Docker",
        file="rtmanager/domain/reconciliation/resume_handed_over.py",
        old="        await self.host.ping()\n",
        new="",
        caught_by=f"{_RECONCILIATION}/test_resume_handed_over.py"
        "::test_docker_that_is_away_is_waited_for",
    ),
)

JOBS = (
    Mutant(
        name="job acknowledged before it is done",
        file="rtmanager/domain/messaging/handle_job.py",
        old="        done = await self._execute(entries, requests)\n",
        new="""        await self.jobs.acknowledge(entries[: len(requests)])
        done = await self._execute(entries, requests)
""",
        caught_by=f"{_MESSAGING}/test_handle_job.py::test_job_that_was_never_recorded_stays",
    ),
    Mutant(
        name="job without an outcome done",
        file="rtmanager/domain/messaging/handle_job.py",
        old="        if operation is None or operation.outcome is None:\n            raise",
        new="        if False:\n            raise",
        caught_by=f"{_MESSAGING}/test_handle_job.py::test_job_that_was_never_recorded_stays",
    ),
    Mutant(
        name="job that failed once returned",
        file="rtmanager/domain/messaging/handle_job.py",
        old="            await self.operations.resume(game_id)\n",
        new="",
        caught_by=f"{_MESSAGING}/test_handle_job.py::test_job_that_fails_to_reach_docker_once_is_resumed_at_once",
    ),
    Mutant(
        name="jobs acknowledged with the first of them",
        file="rtmanager/domain/messaging/handle_job.py",
        old="acknowledge(entries[:done])",
        new="acknowledge(entries)",
        caught_by=f"{_MESSAGING}/test_handle_jobs_together.py"
        "::test_job_without_an_outcome_leaves_those_before_it_done",
    ),
    Mutant(
        name="malformed job without a result",
        file="rtmanager/domain/messaging/handle_job.py",
        old="        if job.game_id is not None:\n",
        new="        if False:\n",
        caught_by=f"{_MESSAGING}/test_handle_job.py::test_malformed_job_writes_no_intent",
    ),
    Mutant(
        name="job that failed forgotten",
        file="rtmanager/workers/jobs.py",
        old="            return 0\n",
        new="            return 1\n",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_job_that_fails_is_tried_again_before_the_games_next",
    ),
    Mutant(
        name="newer job before the older of its game",
        file="rtmanager/workers/jobs.py",
        old="        return game not in self._overflowing\n",
        new="        return len(self._queues.get(game, ())) < MAX_PER_GAME\n",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_newer_job_of_a_game_that_overflows_waits_behind_the_older",
    ),
    Mutant(
        name="slot kept by a waiting game",
        file="rtmanager/workers/jobs.py",
        old="                await self.clock.sleep(pause)\n",
        new="""                async with places:
                    await self.clock.sleep(pause)
""",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_game_that_waits_for_its_next_try_leaves_its_place_to_others",
    ),
    Mutant(
        name="jobs read while a dependency is away",
        file="rtmanager/workers/jobs.py",
        old="            await self._demand_ready(RENEW_AFTER)\n",
        new="",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_nothing_is_read_while_something_that_jobs_need_is_away",
    ),
    Mutant(
        name="jobs run while a dependency is away",
        file="rtmanager/workers/jobs.py",
        old="            await self._demand_ready()\n            self._again",
        new="            self._again",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_job_that_was_read_ahead_waits_while_something_is_away",
    ),
    Mutant(
        name="entry redelivered during its work forgotten",
        file="rtmanager/workers/jobs.py",
        old="                self._again.add(_key(entry))\n            elif",
        new="                pass\n            elif",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_entry_that_comes_again_while_at_work_is_handled_again_after",
    ),
    Mutant(
        name="job left for the next call forgotten",
        file="rtmanager/workers/jobs.py",
        old="await self._forget(queue, done)",
        new="await self._forget(queue, min(len(queue), AT_ONCE))",
        caught_by=f"{_WORKERS}/test_jobs.py"
        "::test_jobs_after_one_that_takes_long_are_handed_over_again",
    ),
)

MESSAGES = (
    Mutant(
        name="messages pruned as soon as they are sent",
        file="rtmanager/domain/messaging/relay_outbox.py",
        old="before = self.clock.now() - self.keep_sent",
        new="before = self.clock.now()",
        caught_by=f"{_MESSAGING}/test_relay_outbox.py::test_old_sent_messages_are_pruned",
    ),
    Mutant(
        name="half a relay",
        file="rtmanager/workers/waking.py",
        old="return_when=asyncio.FIRST_COMPLETED)\n    finally:\n        await cancel",
        new="return_when=asyncio.ALL_COMPLETED)\n    finally:\n        await cancel",
        caught_by=f"{_WORKERS}/test_relay.py"
        "::test_loop_that_is_cancelled_alone_ends_the_relay[outbox relay]",
    ),
)

LEADING = (
    Mutant(
        name="lost leadership not noticed",
        file="rtmanager/workers/leader.py",
        old="        while await self.leadership.confirm():\n",
        new="        while [await self.leadership.confirm()]:\n",
        caught_by=f"{_WORKERS}/test_leader.py::test_lost_lead_stops_the_workers",
    ),
    Mutant(
        name="two leaders",
        file="rtmanager/workers/leader.py",
        old="                if await self.leadership.campaign():\n",
        new="                if [await self.leadership.campaign()]:\n",
        caught_by=f"{_WORKERS}/test_leader.py::test_workers_run_in_the_leader_alone",
    ),
    Mutant(
        name="leadership kept at the end",
        file="rtmanager/workers/leader.py",
        old="        finally:\n            await self._resign()\n",
        new="        finally:\n            pass\n",
        caught_by=f"{_WORKERS}/test_leader.py::test_leader_that_ends_leaves_the_lead_to_the_other",
    ),
    Mutant(
        name="leadership kept while the service drains",
        file="rtmanager/bootstrap/service.py",
        old="        self.leader.hand_over()\n",
        new="        pass\n",
        caught_by="tests/unit/bootstrap/test_service.py"
        "::test_service_that_is_about_to_stop_hands_over_and_is_not_ready",
    ),
    Mutant(
        name="connections kept while the service drains",
        file="rtmanager/server/drain.py",
        old="        self._are_last = True\n",
        new="        self._are_last = False\n",
        caught_by="tests/unit/server/test_drain.py"
        "::test_answers_end_their_connections_once_the_drain_has_begun",
    ),
)

_FEED = "tests/unit/domain/insight/test_event_feed.py"

INSIGHT = (
    Mutant(
        name="events read again handed out again",
        file="rtmanager/domain/insight/event_subscription.py",
        old="            events = [each for each in delivery.events if each.id > self.position]\n",
        new="            events = list(delivery.events)\n",
        caught_by=f"{_FEED}::test_of_events_that_are_handed_out_together_only_new_ones_come",
    ),
    Mutant(
        name="later subscriber moves the reader on",
        file="rtmanager/domain/insight/event_feed.py",
        old="        self._position = self._position or now\n",
        new="        self._position = now\n",
        caught_by=f"{_FEED}::test_new_subscriber_takes_no_event_from_those_who_wait",
    ),
)

AROUND = (*RECONCILIATION, *HANDOVERS, *JOBS, *MESSAGES, *LEADING, *INSIGHT)
