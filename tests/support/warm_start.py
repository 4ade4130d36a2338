"""A Python that has imported the service, and is forked for every process of it that tests start.

Imports take most of a start, and a test run starts the service hundreds of times. A fork is
a process like any other: it has its own environment, log and signals, and can be killed.
"""

import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from rtmanager.cli.serve import left_out
from tests.support.run import PROJECT, compiled_once


class WarmProcess:
    """One fork, with as much of `subprocess.Popen` as its owner needs."""

    def __init__(self, python: "WarmPython", pid: int) -> None:
        self.pid = pid
        self._python = python
        self._handle = os.pidfd_open(pid)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raises TimeoutExpired."""
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("rtmanager", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal; a no-op when it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, timeout: float | None) -> int | None:
        if self._code is None and select.select([self._handle], [], [], timeout)[0]:
            self._code = self._python.ask({"reap": self.pid})
            os.close(self._handle)
        return self._code


class WarmPython:
    """The process that forks; it ends when this one does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm_start"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, module: Sequence[str], environment: Mapping[str, str], log_file: Path
    ) -> WarmProcess:
        """Run a module with its arguments, as `python -m` does."""
        question = {"run": module, "environment": dict(environment), "log": str(log_file)}
        return WarmProcess(self, self.ask(question))

    def ask(self, question: Mapping[str, object]) -> int:
        """Ask for a fork and return its pid, or for the exit code of one that has ended."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{json.dumps(question)}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; running forks continue."""
        self._process.communicate()


@cache
def warm_python() -> WarmPython:
    """Return this process's own one, started on first use."""
    return WarmPython(compiled_once())


def end_warm_python() -> None:
    """End it if it was started."""
    if warm_python.cache_info().currsize:
        warm_python().close()
        warm_python.cache_clear()


def _serve() -> None:
    """Answer questions until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the requester decides when this ends
    with left_out():
        import_module("rtmanager.server.process")
    gc.freeze()  # imports are shared by all forks
    for line in sys.stdin:
        question = json.loads(line)
        answer = _reaped(question["reap"]) if "reap" in question else _forked(question)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _reaped(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _forked(question: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _run(question["run"], question["environment"], question["log"])
    return pid


def _run(module: Sequence[str], environment: Mapping[str, str], log_file: str) -> NoReturn:
    """Become the requested process."""
    code = 1
    try:
        _redirect(log_file)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [*module]
        runpy.run_module(module[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as at the top of any program
        traceback.print_exc()
    finally:
        # Nothing of the parent's may run again in the fork: neither its loop nor its exit handlers.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log_file: str) -> None:
    log = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)


if __name__ == "__main__":
    _serve()
