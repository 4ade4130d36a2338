"""The starting points of a walk: a kind of operation, a record, a predecessor, Docker's state."""

from functools import cache
from itertools import product
from typing import NamedTuple

from rtmanager.domain.operation import OperationKind
from tests.exhaustive.docker_model import (
    AWAY,
    DEAD,
    ENGINE,
    EXITED,
    LOST,
    OLD,
    OTHER,
    REMOVING,
    RUNNING,
    Container,
    DockerState,
)

REPLACING = frozenset({OperationKind.START, OperationKind.RESTART, OperationKind.PATCH})


class Scenario(NamedTuple):
    """What stays the same throughout one operation.

    `record` is its status or None, `ran` describes the predecessor: none, no, yes, healthy.
    `subject` is the slot that a reconciliation is about.
    """

    kind: OperationKind
    record: str | None
    ran: str = "none"
    subject: int | None = None

    @property
    def replaces(self) -> bool:
        """Return whether the operation puts a new container in the place of the old one."""
        return self.kind in REPLACING

    @property
    def is_stop(self) -> bool:
        """Return whether the game is to be stopped."""
        return self.kind is OperationKind.STOP

    @property
    def label(self) -> str:
        """Return the scenario as a path names it."""
        predecessor = f", predecessor ran: {self.ran}" if self.replaces else ""
        return f"{self.kind}, record: {self.record or 'none'}{predecessor}"


class InitialState(NamedTuple):
    """A state of Docker that an operation may find, and how many faults led to it."""

    docker: DockerState
    faults: int


def scenarios(kind: OperationKind) -> tuple[Scenario, ...]:
    """Return every scenario of a kind."""
    return tuple(Scenario(kind, record, ran, subject) for record, ran, subject in _SCENARIOS[kind])


@cache
def initial_states(scenario: Scenario) -> tuple[InitialState, ...]:
    """Return the initial states that the operation may find; each oddity counts as a fault."""
    found = []
    for (old, odd), (other, more), stranger in product(_olds(scenario), _OTHERS, (False, True)):
        docker = DockerState((old, None, None, other), stranger)
        names = [each.name for each in docker.containers if each and each.name == ENGINE]
        if len(names) + stranger <= 1 and _fits(scenario, docker):
            found.append(InitialState(docker, odd + more + stranger))
    return tuple(found)


def _fits(scenario: Scenario, docker: DockerState) -> bool:
    """Return whether the state has the container that a reconciliation is about."""
    return scenario.subject != OTHER or docker.containers[OTHER] is not None


def _olds(scenario: Scenario) -> tuple[tuple[Container | None, int], ...]:
    if scenario.record in {None, "removed"}:
        return ((None, 0),)
    if not scenario.replaces:
        return _ANY_OLD
    if scenario.ran == "none":
        return ((None, 0),)
    if scenario.ran == "no":
        return (
            (Container(ENGINE, EXITED), 0),
            (Container(ENGINE, LOST), 0),
            (Container(AWAY, EXITED), 1),
            (Container(ENGINE, DEAD), 1),
            (Container(ENGINE, REMOVING), 1),
        )
    return ((Container(ENGINE, RUNNING), 0), (Container(AWAY, RUNNING), 1))


_ANY_OLD: tuple[tuple[Container | None, int], ...] = (
    (Container(ENGINE, RUNNING), 0),
    (Container(ENGINE, EXITED), 0),
    (Container(ENGINE, LOST), 0),
    (None, 0),
    (Container(AWAY, RUNNING), 1),
    (Container(AWAY, EXITED), 1),
    (Container(ENGINE, DEAD), 1),
    (Container(ENGINE, REMOVING), 1),
)
_OTHERS: tuple[tuple[Container | None, int], ...] = (
    (None, 0),
    (Container(ENGINE, EXITED), 1),
    (Container(ENGINE, RUNNING), 1),
    (Container(AWAY, EXITED), 1),
    (Container(AWAY, RUNNING), 1),
)
_RECORDED = ("running", "stopped")
_REPLACED = tuple(product(_RECORDED, ("yes", "no", "none"), (None,)))
_WITH_OTHER = tuple(product((None, "removed", *_RECORDED), ("none",), (OTHER,)))
_WITH_OLD = tuple(product(_RECORDED, ("none",), (OLD,)))
_SCENARIOS: dict[OperationKind, tuple[tuple[str | None, str, int | None], ...]] = {
    OperationKind.START: (
        (None, "none", None),
        ("removed", "none", None),
        *(each for each in _REPLACED if each[:2] != ("running", "yes")),
    ),
    OperationKind.RESTART: _REPLACED,
    OperationKind.PATCH: (*_REPLACED, ("running", "healthy", None)),
    OperationKind.STOP: (("running", "none", None),),
    OperationKind.CLEANUP_CONTAINER: (("stopped", "none", None),),
    OperationKind.RECONCILE_ADOPT: (*_WITH_OLD, *_WITH_OTHER),
    OperationKind.RECONCILE_DISPOSE: (*_WITH_OLD, *_WITH_OTHER),
    OperationKind.RECONCILE_OBSERVED_EXIT: (("running", "none", OLD),),
}
