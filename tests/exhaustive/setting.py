"""What a walk begins from: a kind of operation, a record, a predecessor, and what Docker shows."""

from functools import cache
from itertools import product
from typing import NamedTuple

from rtmanager.domain.operation import OperationKind
from tests.exhaustive.world import (
    AWAY,
    DEAD,
    ENGINE,
    EXITED,
    LEAVING,
    OLD,
    OTHER,
    RUNNING,
    Container,
    World,
)

REPLACING = frozenset({OperationKind.START, OperationKind.RESTART, OperationKind.PATCH})


class Setting(NamedTuple):
    """What stays the same all through one operation.

    `record` is its status or None, `ran` says of the predecessor: none, no, yes, healthy.
    `subject` is the slot that a reconciliation is about.
    """

    kind: OperationKind
    record: str | None
    ran: str = "none"
    subject: int | None = None

    @property
    def replaces(self) -> bool:
        """Tell whether the operation puts a new container in the place of the old one."""
        return self.kind in REPLACING

    @property
    def is_stop(self) -> bool:
        """Tell whether the game is to be stopped."""
        return self.kind is OperationKind.STOP

    @property
    def words(self) -> str:
        """Return the setting as a path names it."""
        predecessor = f", predecessor ran: {self.ran}" if self.replaces else ""
        return f"{self.kind}, record: {self.record or 'none'}{predecessor}"


class Beginning(NamedTuple):
    """A world that an operation may find, and how many mishaps it took to come to it."""

    world: World
    mishaps: int


def settings(kind: OperationKind) -> tuple[Setting, ...]:
    """Return every setting of a kind."""
    return tuple(Setting(kind, record, ran, subject) for record, ran, subject in _SETTINGS[kind])


@cache
def beginnings(setting: Setting) -> tuple[Beginning, ...]:
    """Return the worlds that the operation may find; each oddity counts as a mishap."""
    found = []
    for (old, odd), (other, more), stranger in product(_olds(setting), _OTHERS, (False, True)):
        world = World((old, None, None, other), stranger)
        names = [each.name for each in world.containers if each and each.name == ENGINE]
        if len(names) + stranger <= 1 and _fits(setting, world):
            found.append(Beginning(world, odd + more + stranger))
    return tuple(found)


def _fits(setting: Setting, world: World) -> bool:
    """Tell whether there is what a reconciliation is about."""
    return setting.subject != OTHER or world.containers[OTHER] is not None


def _olds(setting: Setting) -> tuple[tuple[Container | None, int], ...]:
    if setting.record in {None, "removed"}:
        return ((None, 0),)
    if not setting.replaces:
        return _ANY_OLD
    if setting.ran == "none":
        return ((None, 0),)
    if setting.ran == "no":
        return (
            (Container(ENGINE, EXITED), 0),
            (Container(AWAY, EXITED), 1),
            (Container(ENGINE, DEAD), 1),
            (Container(ENGINE, LEAVING), 1),
        )
    return ((Container(ENGINE, RUNNING), 0), (Container(AWAY, RUNNING), 1))


_ANY_OLD: tuple[tuple[Container | None, int], ...] = (
    (Container(ENGINE, RUNNING), 0),
    (Container(ENGINE, EXITED), 0),
    (None, 0),
    (Container(AWAY, RUNNING), 1),
    (Container(AWAY, EXITED), 1),
    (Container(ENGINE, DEAD), 1),
    (Container(ENGINE, LEAVING), 1),
)
_OTHERS: tuple[tuple[Container | None, int], ...] = (
    (None, 0),
    (Container(ENGINE, EXITED), 1),
    (Container(ENGINE, RUNNING), 1),
    (Container(AWAY, EXITED), 1),
    (Container(AWAY, RUNNING), 1),
)
_REPLACED = (
    ("running", "yes", None),
    ("running", "no", None),
    ("running", "none", None),
    ("stopped", "yes", None),
    ("stopped", "no", None),
    ("stopped", "none", None),
)
_SETTINGS: dict[OperationKind, tuple[tuple[str | None, str, int | None], ...]] = {
    OperationKind.START: (
        (None, "none", None),
        ("removed", "none", None),
        ("running", "no", None),
        ("running", "none", None),
        ("stopped", "yes", None),
        ("stopped", "no", None),
        ("stopped", "none", None),
    ),
    OperationKind.RESTART: _REPLACED,
    OperationKind.PATCH: (*_REPLACED, ("running", "healthy", None)),
    OperationKind.STOP: (("running", "none", None),),
    OperationKind.CLEANUP_CONTAINER: (("stopped", "none", None),),
    OperationKind.RECONCILE_ADOPT: (
        ("stopped", "none", OLD),
        ("running", "none", OLD),
        (None, "none", OTHER),
        ("removed", "none", OTHER),
        ("stopped", "none", OTHER),
        ("running", "none", OTHER),
    ),
    OperationKind.RECONCILE_DISPOSE: (
        ("running", "none", OLD),
        ("stopped", "none", OLD),
        (None, "none", OTHER),
        ("removed", "none", OTHER),
        ("running", "none", OTHER),
        ("stopped", "none", OTHER),
    ),
    OperationKind.RECONCILE_OBSERVED_EXIT: (("running", "none", OLD),),
}
