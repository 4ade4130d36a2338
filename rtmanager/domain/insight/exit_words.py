"""How an engine ended, in words."""

import signal

_SIGNALLED = 128
"""An exit code above this is that of a process that a signal has ended."""


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
