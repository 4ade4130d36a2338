import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dev import SetUpError, background_process
from dev.background_process import BackgroundProcess

SYS_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]
"""The system call that ends a thread; libc's exit would end the process."""


def _start(tmp_path: Path, script: str) -> BackgroundProcess:
    return BackgroundProcess.start(
        ["sh", "-c", script], pid_file=tmp_path / "server.pid", log_file=tmp_path / "log"
    )


def _is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_running_process_is_found_again_by_its_pid_file(tmp_path: Path) -> None:
    """A later run takes over the process that an earlier one left running."""
    process = _start(tmp_path, "exec sleep 60")

    found = BackgroundProcess.find(tmp_path / "server.pid")
    process.stop(seconds=5)

    assert found == process


def test_a_foreign_process_with_the_same_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Pids are reused, so only pid and start time together identify a process."""
    pid_file = tmp_path / "server.pid"
    pid_file.write_text(f"{os.getpid()} 1\n")

    assert BackgroundProcess.find(pid_file) is None


def test_stop_ends_the_process_and_forgets_it(tmp_path: Path) -> None:
    """After a stop neither the process nor its pid file is left."""
    process = _start(tmp_path, "exec sleep 60")

    process.stop(seconds=5)

    assert not process.is_running()
    assert not (tmp_path / "server.pid").exists()


def test_stop_of_a_stopped_process_does_nothing(tmp_path: Path) -> None:
    """Stopping twice does nothing, though another process may have the pid by then."""
    process = _start(tmp_path, "exec sleep 60")
    process.stop(seconds=5)

    process.stop(seconds=5)

    assert not process.is_running()


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed within the time limit."""
    process = _start(tmp_path, "trap '' TERM; echo armed; while :; do sleep 1; done")
    log = tmp_path / "log"
    process.wait_until(lambda: "armed" in log.read_text(), seconds=5, log_file=log)

    process.stop(seconds=0.1)

    assert not process.is_running()


def test_a_child_that_dies_during_the_check_is_reaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead child is reaped, so that neither a zombie nor a warning is left."""
    process = _start(tmp_path, "exec sleep 60")

    def die_first(pid: int) -> str | None:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # dead, but not reaped yet
        return None

    monkeypatch.setattr(background_process, "_start_time", die_first)

    assert not process.is_running()
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def test_a_process_whose_first_thread_has_ended_still_runs(tmp_path: Path) -> None:
    """A killed server holds its port until its last thread has ended, so it counts as running."""
    script = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        f"ctypes.CDLL(None).syscall({SYS_EXIT}, 0)\n"
    )
    log = tmp_path / "log"
    process = BackgroundProcess.start(
        [sys.executable, "-c", script], pid_file=tmp_path / "pid", log_file=log
    )
    process.wait_until(lambda: _is_zombie(process.pid), seconds=10, log_file=log)

    is_running = process.is_running()
    process.stop(seconds=0.1)

    assert is_running
    assert not process.is_running()


def test_the_terminals_interrupt_does_not_reach_the_process(tmp_path: Path) -> None:
    """A server is not in our process group, to which the terminal sends Ctrl-C."""
    process = _start(tmp_path, "exec sleep 60")

    group = os.getpgid(process.pid)
    process.stop(seconds=5)

    assert group == process.pid
    assert group != os.getpgid(0)


def test_a_server_that_dies_while_starting_is_reported_with_its_output(tmp_path: Path) -> None:
    """The error quotes the server's output."""
    process = _start(tmp_path, "echo port in use; exit 1")

    with pytest.raises(SetUpError, match=r"server stopped while starting .* port in use"):
        process.wait_until(lambda: False, seconds=10, log_file=tmp_path / "log")


def test_a_server_that_never_gets_ready_is_stopped(tmp_path: Path) -> None:
    """A server that does not become ready in time is not left running."""
    process = _start(tmp_path, "exec sleep 60")

    with pytest.raises(SetUpError, match="not ready within"):
        process.wait_until(lambda: False, seconds=0.05, log_file=tmp_path / "log")
    assert not process.is_running()


def test_a_process_of_another_parent_is_stopped_too(tmp_path: Path) -> None:
    """A process that an earlier run left is not our child, but is stopped as well."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as foreign:
        # The kernel's own start time, which pid files have always held.
        started_at = Path(f"/proc/{foreign.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (tmp_path / "server.pid").write_text(f"{foreign.pid} {started_at}\n")
        found = BackgroundProcess.find(tmp_path / "server.pid")
        assert found is not None

        found.stop(seconds=5)

    assert foreign.returncode == -signal.SIGTERM


def test_a_process_that_somebody_else_has_ended_is_reaped_by_stop(tmp_path: Path) -> None:
    """Its exit status is collected, so that neither a zombie nor a warning is left."""
    process = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "pid", log_file=tmp_path / "log"
    )
    os.kill(process.pid, signal.SIGKILL)

    process.stop(seconds=5)

    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
