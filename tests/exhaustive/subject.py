"""The code under test, called as it is: the real observer and executor on the model's Docker."""

from collections.abc import Coroutine
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

from rtmanager.domain.container import ContainerId, EngineImage, ImageId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Action, ActionName, LeaseNumber
from rtmanager.domain.operations.context import OperationContext
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.health_gate import Gate
from rtmanager.domain.operations.interpreter import _still_needs
from rtmanager.domain.operations.observation import GateReading, Observation
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.ports.container_host import HostRefused
from tests.builders import NOON
from tests.exhaustive.intent import ACTIONS, Intent
from tests.exhaustive.model_host import ModelHost
from tests.exhaustive.setting import Setting
from tests.exhaustive.shown import (
    HEALTHY,
    IDS,
    READINGS,
    operation_of,
    record_of,
)
from tests.exhaustive.state import Hands
from tests.exhaustive.world import NONE, OLD, Call, World

T = TypeVar("T")

LOCAL = frozenset({ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE})
"""Actions that change no container: they are answered, refused, or nobody knows."""

_IMAGE = EngineImage(id=ImageId("sha256:new"), labels={}, user="")
_GONE = ContainerId("gone")


class _Noon:
    def now(self) -> Any:
        return NOON


class _NotedGate:
    """Notes the gate that the executor chooses."""

    chosen: Gate | None = None

    async def watch(self, _: ContainerId, gate: Gate) -> GateReading:
        self.chosen = gate
        return READINGS[HEALTHY]


class _Policy:
    stop_timeout, start_gate_timeout, patch_gate_timeout = 30, 5.0, 30.0


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


def _context(setting: Setting, hands: Hands) -> OperationContext:
    known = None if hands.known is None else {IDS[OLD], *(IDS[each] for each in hands.known)}
    gate, gated = None, None
    if hands.gate is not None:
        gate = READINGS[hands.gate[0]]
        gated = _GONE if hands.gate[1] == NONE else IDS[hands.gate[1]]
    return OperationContext(
        operation=operation_of(setting, Intent()),
        record=record_of(setting),
        lease=cast("Any", LeaseNumber(1)),
        known=known,
        image=_IMAGE,
        spec=cast("Any", object()),
        gate=gate,
        gated=gated,
    )


def look(setting: Setting, world: World, hands: Hands) -> tuple[Observation, Hands]:
    """Return what the real observer sees, and the hands with the containers that it knows now."""
    context = _context(setting, hands)
    observer = Observer(cast("Any", ModelHost(world)), _installation(), cast("Any", _Noon()))
    seen = _result(observer.look(context))
    remembered = context.known or set()
    exist = (slot for slot, each in enumerate(world.containers) if each)
    known = frozenset(slot for slot in exist if IDS[slot] in remembered)
    return seen, hands._replace(known=known)


def with_hands(seen: Observation, hands: Hands) -> Observation:
    """Return what is seen by a holder who has obtained and prepared just so much."""
    return replace(seen, image=_IMAGE if hands.image else None, state_is_ready=hands.spec)


class Performed(NamedTuple):
    """What the real executor did for an action, and what its holder remembers afterwards."""

    call: Call | None
    gate: Gate | None
    keeps_reading: bool
    knows_made: bool


@cache
def performed(setting: Setting, number: int, *, refused: bool) -> Performed:
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
    hands = Hands(image=True, spec=True, gate=(HEALTHY, OLD), known=frozenset())
    context = _context(setting, hands)
    try:
        _result(executor.perform(context, ACTIONS[number]))
    except HostRefused:
        if not refused:
            raise
    made = ContainerId("just made") in (context.known or set())
    call = host.calls[0] if host.calls else None
    return Performed(call, gate.chosen, context.gate is not None, made)


def must_answer(setting: Setting, number: int) -> bool:
    """Tell whether the real executor watches the gate strictly."""
    gate = performed(setting, number, refused=False).gate
    return gate is not None and gate.must_answer


def is_handed_over(trouble: int, decision: Action) -> bool:
    """Tell whether the real interpreter gives up when it had no answer and decides this next."""
    sent = SimpleNamespace(action=ACTIONS[trouble])
    context = SimpleNamespace(operation=SimpleNamespace(steps=(sent,)))
    return _still_needs(cast("Any", context), decision)
