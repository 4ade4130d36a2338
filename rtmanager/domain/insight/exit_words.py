"""How an engine ended, in words that say no more than what is known."""

import signal
from datetime import datetime, timedelta

from rtmanager.domain.insight.engine_exit import EngineExit, Missed
from rtmanager.domain.insight.words import moment, shortened

KILL = "SIGKILL"
_SIGNALLED = 128
"""An exit code above this is that of a process that a signal has ended."""
_DOCKER_WENT = "while Docker went away: Docker or its host was stopped or restarted"
_ASKS_TO_END = {"SIGTERM", "SIGINT", "SIGQUIT"}
_ENDS = {KILL, *_ASKS_TO_END}
_PATIENCE = timedelta(seconds=120)
"""How long after a signal that asks it to end an engine's end is taken for its effect."""


def signal_of(exit_code: int | None) -> str | None:
    """Return the name of the signal that an exit code stands for, if it stands for one."""
    if exit_code is None or exit_code <= _SIGNALLED:
        return None
    return signal_name(exit_code - _SIGNALLED)


def signal_name(number: int) -> str | None:
    """Return the name of a signal such as `SIGKILL`; None if there is no such signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def exit_words(exit_code: int | None, *, oom_killed: bool = False) -> str:
    """Return how an engine ended, to be read after "the engine"."""
    if oom_killed:
        return f"ran out of memory and was killed (exit code {exit_code})"
    if exit_code is None:
        return "ended, with an exit code that nobody has seen"
    name = signal_of(exit_code)
    return f"exited with code {exit_code}" + (f" ({name})" if name else "")


def stopped_words(ended: EngineExit | None) -> str:
    """Return how an engine ended that this service has stopped."""
    if ended is None or ended.exit_code is None:
        return "how it ended is not known"
    if ended.is_overdue:
        return "the engine did not end within its grace period and was killed with SIGKILL"
    return f"the engine {exit_words(ended.exit_code, oom_killed=ended.oom_killed)}"


def own_words(ended: EngineExit, *, at: datetime | None) -> str:
    """Return how an engine ended that this service did not stop, and who ended it.

    To be read after "its engine".
    """
    when = f" at {moment(at)}" if at else ""
    code = "" if ended.exit_code is None else f" (exit code {ended.exit_code})"
    if ended.oom_killed:
        return f"ran out of memory and was killed by the kernel{code}{when}{_last_words(ended)}"
    if _is_by_signal(ended):
        if ended.missed is Missed.DOCKER_AWAY:
            return f"{_signalled(ended)} through Docker{code}{when}, {_DOCKER_WENT}"
        return f"{_signalled(ended)} through Docker by someone else{code}{when}"
    words = f"{_unsignalled(ended)}{when}{_last_words(ended)}"
    if ended.signal and ended.signalled_at:
        words += f"; someone else had sent it {ended.signal} at {moment(ended.signalled_at)}"
    return words + _why_nobody_is_named(ended)


def _why_nobody_is_named(ended: EngineExit) -> str:
    if ended.missed is Missed.DOCKER_AWAY:
        return f", {_DOCKER_WENT}"
    if ended.missed is Missed.NOT_FOLLOWED:
        return "; nobody followed Docker's events then, so who ended it is not known"
    if ended.missed is Missed.NOT_SHOWN and signal_of(ended.exit_code) in _ENDS:
        return "; a Swarm does not show who ended it"
    return ""


def _is_by_signal(ended: EngineExit) -> bool:
    """Return whether the last signal through Docker is what ended the engine."""
    if ended.signal is None:
        return False
    if ended.signal in {KILL, signal_of(ended.exit_code)}:
        return True
    if ended.signal not in _ASKS_TO_END or ended.signalled_at is None or ended.ended_at is None:
        return False
    return ended.ended_at - ended.signalled_at <= _PATIENCE


def _signalled(ended: EngineExit) -> str:
    asked = next((each for each in reversed(ended.signals[:-1]) if each in _ASKS_TO_END), None)
    if ended.signal == KILL and asked:
        return f"was sent {asked}, did not end, and was killed with {KILL}"
    verb = "killed" if ended.signal == KILL else "stopped"
    return f"was {verb} with {ended.signal}"


def _unsignalled(ended: EngineExit) -> str:
    name, code = signal_of(ended.exit_code), ended.exit_code
    if ended.missed is Missed.NODE_LOST:
        return "was lost with its node"
    if code is None:
        return exit_words(None)
    if ended.missed is not None:
        return exit_words(code)
    if name in _ENDS:
        return f"was ended by {name} (exit code {code}), but not through Docker"
    if name:
        return f"crashed with {name} (exit code {code})"
    return f"exited by itself with code {code}"


def _last_words(ended: EngineExit) -> str:
    """Return the last line of output of an engine that failed."""
    if not ended.log_tail or not ended.exit_code:
        return ""
    return f' ("{shortened(ended.log_tail[-1])}")'
