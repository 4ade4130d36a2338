"""Mutants of what is decided about the nodes of a Swarm, and of the games on them."""

from tests.mutation.mutant import Mutant

_DOMAIN = "tests/unit/domain"
_NODES = f"{_DOMAIN}/nodes"
_SWARM = "tests/unit/adapters/swarm"

OF_NODES = (
    Mutant(
        name="node that is down taken for dead",
        file="rtmanager/adapters/swarm/service_json.py",
        old="        return self._is_marked(task, NodeMark.OFF, since=task.created_at)\n",
        new="        return True\n",
        caught_by=f"{_SWARM}/test_lost_engines.py"
        "::test_word_about_one_outage_does_not_hold_for_the_next",
    ),
    Mutant(
        name="mark not dated anew",
        file="rtmanager/adapters/swarm/nodes.py",
        old='            labels[label] = answer["UpdatedAt"]\n',
        new='            labels.setdefault(label, answer["UpdatedAt"])\n',
        caught_by=f"{_SWARM}/test_lost_engines.py"
        "::test_word_about_one_outage_does_not_hold_for_the_next",
    ),
    Mutant(
        name="engine that its node has ended taken for one that exited",
        file="rtmanager/adapters/swarm/service_json.py",
        old="        return self._is_marked(ended, NodeMark.INTERRUPTED, since=ended.created_at)\n",
        new="        return False\n",
        caught_by=f"{_SWARM}/test_lost_engines.py"
        "::test_engine_that_ended_with_its_node_was_lost[kill_daemon]",
    ),
    Mutant(
        name="request admitted while nobody knows what runs",
        file="rtmanager/domain/operations/observer.py",
        old="        return Current(container, error=out_of_reach(container))\n",
        new="        return Current(container)\n",
        caught_by=f"{_DOMAIN}/operations/test_nodes_down.py"
        "::test_request_is_refused_while_nobody_knows_whether_the_engine_runs[restart]",
    ),
    Mutant(
        name="lost engine recorded as stopped",
        file="rtmanager/domain/runtime.py",
        old="    if seen is not None and seen.is_lost:\n",
        new="    if False:\n",
        caught_by=f"{_DOMAIN}/operations/test_nodes_down.py"
        "::test_lost_engine_leaves_its_record_running_when_it_cannot_be_started",
    ),
    Mutant(
        name="lost engine not moved",
        file="rtmanager/domain/reconciliation/drift.py",
        old="    elif _record_runs(view) and current.is_lost:\n",
        new="    elif False:\n",
        caught_by=f"{_NODES}/test_move_lost_games.py"
        "::test_games_of_a_node_that_is_off_start_elsewhere",
    ),
    Mutant(
        name="lost engine moved although another may run",
        file="rtmanager/domain/reconciliation/drift.py",
        old="    if any(each.is_out_of_reach for each in view.containers):\n",
        new="    if False:\n",
        caught_by=f"{_DOMAIN}/reconciliation/test_drift_of_nodes.py"
        "::test_lost_engine_waits_while_another_of_the_game_may_run",
    ),
    Mutant(
        name="engine out of reach adopted",
        file="rtmanager/domain/reconciliation/drift.py",
        old=" and not is_starting and not container.is_out_of_reach\n",
        new=" and not is_starting\n",
        caught_by=f"{_DOMAIN}/reconciliation/test_drift_of_nodes.py"
        "::test_what_is_not_known_is_no_drift[None-containers2]",
    ),
    Mutant(
        name="answer of the fence command forgotten",
        file="rtmanager/domain/nodes/fence_nodes.py",
        old="        if not is_off:\n",
        new="        if False:\n",
        caught_by=f"{_NODES}/test_fence_nodes.py::test_command_that_fails_says_nothing",
    ),
    Mutant(
        name="fence command run for a short interruption",
        file="rtmanager/domain/nodes/fence_nodes.py",
        old="        return known or _Pause(self.clock.monotonic() + FIRST_PAUSE, FIRST_PAUSE)\n",
        new="        return known or _Pause(self.clock.monotonic(), FIRST_PAUSE)\n",
        caught_by=f"{_NODES}/test_fence_nodes.py"
        "::test_node_that_comes_back_at_once_is_never_asked_about",
    ),
    Mutant(
        name="any exit code of the fence command believed",
        file="rtmanager/adapters/fence_command.py",
        old="        return exit_code == 0\n",
        new="        return True\n",
        caught_by="tests/unit/adapters/test_fence_command.py"
        "::test_only_exit_code_0_says_that_a_node_is_off[1]",
    ),
    Mutant(
        name="word on a node that is ready believed",
        file="rtmanager/domain/nodes/mark_nodes.py",
        old="        if not node.is_down:\n",
        new="        if False:\n",
        caught_by=f"{_NODES}/test_mark_nodes.py"
        "::test_word_on_a_node_that_is_not_down_is_refused[ready]",
    ),
    Mutant(
        name="outage forgotten while games are left of it",
        file="rtmanager/domain/nodes/watch_nodes.py",
        old="each.id not in busy and self._is_over(each, now)]\n",
        new="self._is_over(each, now)]\n",
        caught_by=f"{_NODES}/test_watch_nodes.py::test_marks_stay_until_all_games_run_elsewhere",
    ),
    Mutant(
        name="outage forgotten as soon as the node is back",
        file="rtmanager/domain/nodes/watch_nodes.py",
        old="        return now - self._back_since[node.id] >= RETURN_TAKES\n",
        new="        return True\n",
        caught_by=f"{_NODES}/test_watch_nodes.py"
        "::test_marks_stay_until_swarm_has_had_the_time_to_end_what_was_there",
    ),
    Mutant(
        name="second outage taken for the first",
        file="rtmanager/domain/nodes/watch_nodes.py",
        old="        return node.is_down and self._down.get(node.id) != node.version\n",
        new="        return node.is_down and NodeMark.INTERRUPTED not in node.marks\n",
        caught_by=f"{_NODES}/test_watch_nodes.py::test_every_outage_dates_the_mark_anew",
    ),
    Mutant(
        name="drain starts what was stopped meanwhile",
        file="rtmanager/domain/nodes/drain_nodes.py",
        old="            if not runs_in(await self.operations.records.get(game_id), container):\n",
        new="            if False:\n",
        caught_by=f"{_NODES}/test_drain_nodes.py::test_game_stopped_meanwhile_stays_stopped",
    ),
    Mutant(
        name="engine out of reach reported at every round",
        file="rtmanager/domain/monitoring/report_out_of_reach.py",
        old=" if _is_down(each) != each.baseline.failing)\n",
        new=" if _is_down(each))\n",
        caught_by=f"{_DOMAIN}/monitoring/test_nodes_down.py"
        "::test_engine_out_of_reach_is_reported_once_per_outage",
    ),
)
