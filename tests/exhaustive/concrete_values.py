"""The values of the model as the code under test sees them: containers, record, operation."""

from dataclasses import replace
from functools import cache

from rtmanager.domain.container import (
    GAME_ID_LABEL,
    IMAGE_REF_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerStatus,
    ImageId,
    aside_name,
    container_name,
    parked_name,
)
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Cause,
    Fence,
    Operation,
    Phase,
    Predecessor,
    Step,
    StepResult,
)
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.builders import GAME, NOON, make_record, make_request
from tests.exhaustive.docker_model import (
    ASIDE,
    CREATED,
    DEAD,
    ENGINE,
    EXITED,
    LOST,
    MADE,
    OLD,
    PARKED,
    REMOVING,
    RUNNING,
    STARTED,
    Container,
)
from tests.exhaustive.intent import ACTIONS, Intent, KeptOperation, number_of
from tests.exhaustive.scenarios import Scenario

FENCE = Fence(7)
IDS = tuple(ContainerId(each) for each in ("old", "new", "twin", "other"))
NAMES = {
    ENGINE: container_name(GAME),
    PARKED: parked_name(GAME, FENCE),
    ASIDE: aside_name(GAME, FENCE),
}
_STATUS = {
    CREATED: ContainerStatus.CREATED,
    RUNNING: ContainerStatus.RUNNING,
    STARTED: ContainerStatus.RUNNING,
    EXITED: ContainerStatus.EXITED,
    LOST: ContainerStatus.EXITED,
    DEAD: ContainerStatus.DEAD,
    REMOVING: ContainerStatus.REMOVING,
}
FIRST_CAUSE = "the first cause"

HEALTHY, SILENT, FAILED, EXIT_READ = "healthy", "silent", "failed", "an exit"
READINGS: dict[str, GateReading] = {
    HEALTHY: GateReading(answered_at=NOON, note="healthy"),
    SILENT: GateReading(note="no answer yet"),
    FAILED: GateReading(
        failure=Cause(code=ErrorCode.CONTAINER_START_FAILED, message="it did not become healthy")
    ),
    EXIT_READ: GateReading(
        failure=Cause(code=ErrorCode.CONTAINER_START_FAILED, message="it exited, and was started")
    ),
}


@cache
def details(slot: int, container: Container) -> ContainerDetails:
    """Return a container of the model as Docker's inspect shows it."""
    created = container.status == CREATED
    return ContainerDetails(
        id=IDS[slot],
        name=NAMES.get(container.name, f"{container.name}-{IDS[slot]}"),
        status=_STATUS[container.status],
        labels=_labels(FENCE if slot in MADE else slot + 1),
        image_id=ImageId("sha256:new"),
        created_at=NOON,
        network="galaxy-net",
        address=None,
        exit_code=0,
        oom_killed=False,
        error="",
        started_at=None if created else NOON,
        finished_at=NOON if container.status in {EXITED, LOST} else None,
        restart_count=0,
        health=None,
        state_path="/srv/galaxy",
        ended_with_node=container.status == LOST,
    )


def _labels(fence: int) -> dict[str, str]:
    return {
        OWNER_LABEL: OWNER,
        KIND_LABEL: KIND,
        INSTALLATION_LABEL: "here",
        GAME_ID_LABEL: GAME,
        IMAGE_REF_LABEL: "galaxy/game:1.4.7",
        OPERATION_LABEL: str(fence),
    }


STRANGER = replace(details(OLD, Container(ENGINE, RUNNING)), id=ContainerId("stranger"), labels={})


@cache
def record_of(scenario: Scenario) -> RuntimeRecord | None:
    """Return the record as the operation found it."""
    if scenario.record is None:
        return None
    if scenario.record == "removed":
        return make_record(
            status=RuntimeStatus.REMOVED, current_container_id=None, current_image_ref=None
        )
    return make_record(status=RuntimeStatus(scenario.record), current_container_id=IDS[OLD])


@cache
def operation_of(scenario: Scenario, intent: Intent) -> Operation:
    """Return the real operation that an intent stands for."""
    predecessor = None
    if scenario.ran != "none":
        ran, healthy = scenario.ran != "no", scenario.ran == "healthy"
        predecessor = Predecessor(container_id=IDS[OLD], ran=ran, healthy=healthy)
    return KeptOperation(
        id=FENCE,
        request=make_request(
            kind=scenario.kind,
            container_id=None if scenario.subject is None else IDS[scenario.subject],
        ),
        started_at=NOON,
        predecessor=predecessor,
        phase=Phase(intent.phase),
        cause=_first_cause(intent.cause),
        lost=intent.lost,
        steps=_steps(intent),
    )


def _first_cause(code: str) -> Cause | None:
    return Cause(code=ErrorCode(code), message=FIRST_CAUSE) if code else None


def _steps(intent: Intent) -> tuple[Step, ...]:
    """Return steps from which the operation reads what the intent keeps."""
    phase = Phase(intent.phase)
    counted = [each for each, times in intent.answered for _ in range(times)]
    halts = [_halt()] if intent.halted else []
    steps = [
        *halts,
        *(_step(each, Phase.FORWARD, StepResult.UNKNOWN) for each in intent.doubts),
        *(_step(each, Phase.FORWARD, StepResult.UNKNOWN) for each, _ in intent.stops),
        *(_started_after(each) for each, started in intent.stops if started),
        *(_step(each, phase, StepResult.DONE) for each in counted),
        *(_step(each, phase, StepResult.UNKNOWN) for each, since in intent.stops if not since),
    ]
    last = intent.last
    if last is not None:
        result = StepResult.REFUSED if last.refused else StepResult.DONE
        if last.saved:  # it is already among the counted ones
            steps.remove(_step(last.action, phase, StepResult.DONE))
        steps.append(_step(last.action, phase, result))
    return tuple(steps)


def _halt() -> Step:
    """Return the stop of the parked container that was sent at some time."""
    action = Action(ActionName.STOP, IDS[OLD], NAMES[PARKED])
    return _step(number_of(action), Phase.FORWARD, StepResult.DONE)


def _started_after(stop: int) -> Step:
    """Return the start that came after a stop in doubt; its outcome is counted elsewhere."""
    action = replace(ACTIONS[stop], name=ActionName.START)
    return _step(number_of(action), Phase.BACK, StepResult.UNKNOWN)


@cache
def _step(number: int, phase: Phase, result: StepResult) -> Step:
    refused = result is StepResult.REFUSED
    return Step(
        action=ACTIONS[number],
        phase=phase,
        started_at=NOON,
        result=result,
        error_code=ErrorCode.INTERNAL_ERROR if refused else None,
        error="it was refused" if refused else None,
    )
