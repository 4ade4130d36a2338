"""Why a game is moved to another node, as the origin of its restart says it."""

from rtmanager.domain.operation import OpSource, Origin

_LOST, _DRAIN = "node_lost:", "node_drain:"


def of_a_lost_node(name: str) -> Origin:
    """Return the origin of the restart of a game whose engine was lost with this node."""
    return Origin(OpSource.AUTO_RECONCILE, f"{_LOST}{name}")


def of_a_drain(name: str) -> Origin:
    """Return the origin of the restart of a game on this node, which is drained."""
    return Origin(OpSource.AUTO_RECONCILE, f"{_DRAIN}{name}")


def why_moved(origin: Origin) -> str | None:
    """Return why the game was moved, in words; None if it was not."""
    if origin.source is not OpSource.AUTO_RECONCILE:
        return None
    if origin.source_ref.startswith(_LOST):
        return f"node {origin.source_ref.removeprefix(_LOST)} was lost"
    if origin.source_ref.startswith(_DRAIN):
        return f"node {origin.source_ref.removeprefix(_DRAIN)} is drained"
    return None
