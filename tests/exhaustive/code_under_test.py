"""The code under test, called unchanged: the real observer and executor on the model's Docker."""

from collections.abc import Coroutine
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

from rtmanager.domain.allowed_images import ALL_IMAGES
from rtmanager.domain.container import ContainerDetails, ContainerId, EngineImage, ImageId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Action, ActionName, LeaseNumber
from rtmanager.domain.operations.early_reads import EarlyReads
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.health_gate import Gate
from rtmanager.domain.operations.interpreter import _still_needs
from rtmanager.domain.operations.observation import GateReading, Observation
from rtmanager.domain.operations.observer import Observer, OperationContext
from rtmanager.domain.ports.container_host import HostRefused
from tests.builders import NOON
from tests.exhaustive.concrete_values import (
    HEALTHY,
    IDS,
    NAMES,
    READINGS,
    STRANGER,
    details,
    operation_of,
    record_of,
)
from tests.exhaustive.docker_model import ENGINE, NONE, OLD, Call, DockerState
from tests.exhaustive.intent import ACTIONS, Intent
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.state import Memory

T = TypeVar("T")

LOCAL = frozenset({ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE})
"""Actions that change no container: they are answered or refused, or their answer is lost."""

_IMAGE = EngineImage(id=ImageId("sha256:new"), labels={}, user="")
_GONE = ContainerId("gone")
_KEYS = {name: key for key, name in NAMES.items()}


class ModelHost:
    """Shows the model's containers to the real observer, and records the calls of the executor."""

    def __init__(self, docker: DockerState | None = None, *, refuses: bool = False) -> None:
        self.docker, self.refuses = docker, refuses
        self.calls: list[Call] = []

    async def containers_of(self, _: str) -> list[ContainerDetails]:
        return self._all()

    async def named(self, name: str) -> ContainerDetails | None:
        if self.docker is not None and self.docker.stranger and name == NAMES[ENGINE]:
            return STRANGER
        return next((each for each in self._all() if each.name == name), None)

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        return next((each for each in self._all() if each.id == container_id), None)

    async def create(self, _: object) -> ContainerId:
        self._note(Call("create"))
        return ContainerId("just made")

    async def start(self, container: str) -> None:
        self._note(_call("start", container))

    async def stop(self, container: str, *, grace: int) -> None:  # noqa: ARG002 - as the port's
        self._note(_call("stop", container))

    async def rename(self, container: str, name: str) -> None:
        self._note(_call("rename", container)._replace(name=_KEYS[name]))

    async def remove(self, container: str) -> None:
        self._note(_call("remove", container))

    def _all(self) -> list[ContainerDetails]:
        if self.docker is None:
            return []
        return [details(slot, each) for slot, each in enumerate(self.docker.containers) if each]

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        if self.refuses:
            raise HostRefused


def _call(verb: str, container: str) -> Call:
    if container in _KEYS:
        return Call(verb, address=_KEYS[container])
    return Call(verb, slot=IDS.index(ContainerId(container)))


class _Noon:
    def now(self) -> Any:
        return NOON


class _NotedGate:
    """Records the gate that the executor chooses."""

    chosen: Gate | None = None

    async def watch(self, _: ContainerId, gate: Gate) -> GateReading:
        self.chosen = gate
        return READINGS[HEALTHY]


class _Policy:
    stop_timeout, start_gate_timeout, patch_gate_timeout = 30, 5.0, 30.0
    allowed_images = ALL_IMAGES


def _installation() -> Installation:
    installation = Installation("galaxy-net")
    installation.identify("here")
    return installation


def _result(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        return cast("T", ended.value)
    raise AssertionError("the model never waits")


def _context(scenario: Scenario, memory: Memory) -> OperationContext:
    known = None if memory.known is None else {IDS[OLD], *(IDS[each] for each in memory.known)}
    gate, gated = None, None
    if memory.gate is not None:
        gate = READINGS[memory.gate[0]]
        gated = _GONE if memory.gate[1] == NONE else IDS[memory.gate[1]]
    return OperationContext(
        operation=operation_of(scenario, Intent()),
        record=record_of(scenario),
        lease=cast("Any", LeaseNumber(1)),
        early=EarlyReads(cast("Any", _Noon())),
        known=known,
        image=_IMAGE,
        spec=cast("Any", object()),
        gate=gate,
        gated=gated,
    )


def observe(scenario: Scenario, docker: DockerState, memory: Memory) -> tuple[Observation, Memory]:
    """Return what the real observer observes, and the memory with the containers it knows now."""
    context = _context(scenario, memory)
    observer = Observer(cast("Any", ModelHost(docker)), _installation(), cast("Any", _Noon()))
    seen = _result(observer.observe(context))
    remembered = context.known or set()
    exist = (slot for slot, each in enumerate(docker.containers) if each)
    known = frozenset(slot for slot in exist if IDS[slot] in remembered)
    return seen, memory._replace(known=known)


def with_memory(seen: Observation, memory: Memory) -> Observation:
    """Return the observation of a holder that has obtained and prepared what it remembers."""
    return replace(seen, image=_IMAGE if memory.image else None, state_is_ready=memory.spec)


class Performed(NamedTuple):
    """What the real executor did for an action, and what its holder remembers afterwards."""

    call: Call | None
    gate: Gate | None
    keeps_reading: bool
    knows_made: bool


@cache
def performed(scenario: Scenario, number: int, *, refused: bool) -> Performed:
    """Let the real executor do an action."""
    host, gate = ModelHost(refuses=refused), _NotedGate()
    executor = Executor(
        host=cast("Any", host),
        gate=cast("Any", gate),
        directories=cast("Any", None),
        installation=_installation(),
        policy=cast("Any", _Policy()),
        clock=cast("Any", _Noon()),
    )
    memory = Memory(image=True, spec=True, gate=(HEALTHY, OLD), known=frozenset())
    context = _context(scenario, memory)
    try:
        _result(executor.perform(context, ACTIONS[number]))
    except HostRefused:
        if not refused:
            raise
    made = ContainerId("just made") in (context.known or set())
    call = host.calls[0] if host.calls else None
    return Performed(call, gate.chosen, context.gate is not None, made)


def must_answer(scenario: Scenario, number: int) -> bool:
    """Return whether the real executor watches the gate strictly."""
    gate = performed(scenario, number, refused=False).gate
    return gate is not None and gate.must_answer


def must_hand_over(unanswered: int, decision: Action) -> bool:
    """Return whether the real interpreter gives up if it had no answer and decides this next."""
    sent = SimpleNamespace(action=ACTIONS[unanswered])
    context = SimpleNamespace(operation=SimpleNamespace(steps=(sent,)))
    return _still_needs(cast("Any", context), decision)
