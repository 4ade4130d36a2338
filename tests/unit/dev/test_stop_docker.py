from pathlib import Path

from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.stop_docker import stop_docker


def test_the_dockerd_that_was_started_here_is_stopped(tmp_path: Path, told: list[str]) -> None:
    """It is found by the pid file of the run that started it, and stops only once."""
    dockerd = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "dockerd.pid", log_file=tmp_path / "log"
    )

    stop_docker(tmp_path, told.append)
    is_running = dockerd.is_running()
    stop_docker(tmp_path, told.append)

    assert not is_running
    assert told == [
        f"Stopping dockerd (pid {dockerd.pid}) and with it every engine ...",
        "No dockerd runs that `make run` started here.",
    ]
