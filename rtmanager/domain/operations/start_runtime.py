"""The rule of a start; the decision is in `replacement.py`.

A new container replaces an old, stopped one. Starting the image that already runs is a replay. A
record that is `running` while its engine has exited or vanished is treated as stopped.
"""

from rtmanager.domain.errors import Conflict, InvalidRequest
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef, names_image
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.replacement import decide
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeStatus

__all__ = ["decide", "rule"]


def rule(request: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Return whether the start is a replay; refuse what cannot be started.

    Raises StartConfigInvalid for a malformed image reference, InvalidRequest for an id that is the
    DNS name of another game, Conflict when another image or an unknown one runs.
    """
    wanted = ImageRef.parse(request.image_ref or "")
    record = ledger.record
    if record is None and ledger.namesake is not None:
        raise InvalidRequest(_same_dns_name(request.game_id, ledger.namesake))
    if record is None or record.status is not RuntimeStatus.RUNNING or not current.runs():
        return False
    if record.current_image_ref is None:
        raise Conflict(
            "the image that the game runs is unknown: its container was adopted without a label; "
            "stop the game, then start it with an image"
        )
    if names_image(record.current_image_ref, wanted):
        return True
    raise Conflict(
        f"the game runs {record.current_image_ref}; "
        "stop it first, or patch it within the same minor version"
    )


def _same_dns_name(game_id: GameId, namesake: GameId) -> str:
    return (
        f"the game id {game_id} differs from that of game {namesake} only in case or a trailing "
        "dot, and Docker's DNS would join the two; choose another id"
    )
