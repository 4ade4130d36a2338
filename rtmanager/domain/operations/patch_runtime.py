"""The rule of a patch, which moves a game to another patch level behind a health gate.

The decision is in `replacement.py`. Patching to the reference that already runs is a replay.
"""

from rtmanager.domain.errors import ImageRefNotSemver
from rtmanager.domain.image_ref import ImageRef, check_patch
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.replacement import decide
from rtmanager.domain.operations.restart_runtime import with_container
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeStatus

__all__ = ["decide", "rule"]


def rule(request: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Return whether the patch is a replay; refuse what is not allowed.

    Raises NotFound, Conflict, ImageRefNotSemver, SemverPatchOnly; all before any Docker work.
    """
    record, wanted = with_container(ledger.record), request.image_ref or ""
    if record.current_image_ref is None:
        raise ImageRefNotSemver(
            "the image that the game runs is unknown: its container was adopted without a "
            "label; stop the game, then start it with an image"
        )
    check_patch(record.current_image_ref, wanted)
    runs = current.runs()
    same = ImageRef.parse(record.current_image_ref).same_image_as(ImageRef.parse(wanted))
    return same and runs and record.status is RuntimeStatus.RUNNING
