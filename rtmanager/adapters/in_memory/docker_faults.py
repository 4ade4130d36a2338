"""What may become of a call to Docker other than that it is done and answered."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Reply(Enum):
    """What the caller hears."""

    ANSWER = "answer"
    REFUSAL = "refusal"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a call has its effect, how many seconds late, and what its caller hears.

    A late effect is checked like any other when its time has come: its name may be in use then, its
    container gone or running.
    """

    happens: bool = True
    reply: Reply = Reply.ANSWER
    delay: float = 0.0

    @property
    def is_heard(self) -> bool:
        """Tell whether the caller hears anything at all."""
        return self.reply is not Reply.NOTHING


NORMAL = Fate()
REFUSE_BEFORE = Fate(happens=False, reply=Reply.REFUSAL)
REFUSE_AFTER = Fate(reply=Reply.REFUSAL)
LOSE_CALL = Fate(happens=False, reply=Reply.NOTHING)
LOSE_REPLY = Fate(reply=Reply.NOTHING)


def late(seconds: float) -> Fate:
    """Let the caller hear nothing, and the effect come `seconds` later."""
    return Fate(reply=Reply.NOTHING, delay=seconds)


Meddle = Callable[[str, str], Fate]
"""Told the name of a changing call ("start") and its container, name or id; decides its fate.

Of a create it is the new container's name, of a pull the normalized reference.
"""
