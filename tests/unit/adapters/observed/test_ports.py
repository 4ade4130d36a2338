import logging
from types import SimpleNamespace
from typing import Any

import pytest

from rtmanager.adapters.observed import ports
from rtmanager.adapters.observed.ports import observed_host
from rtmanager.domain.errors import DockerUnavailable, ImagePullFailed, RuntimeManagerError
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import OperationKind
from rtmanager.domain.ports.container_host import PullFault
from rtmanager.domain.ports.game_lease import LeaseBusy
from tests.support.observed import Counted
from tests.unit.adapters.observed.conftest import Ask
from tests.unit.domain.world import GAME, IMAGE, World

PULLS, WAIT = "rtmanager.image.pulls", "rtmanager.lease.wait"


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ImagePullFailed(PullFault.NO_SPACE), "no_space"),
        (ImagePullFailed("words of a registry"), "other"),
        (DockerUnavailable(), "docker_unavailable"),
    ],
)
async def test_failed_pull_is_counted_by_its_fault(
    world: World, counted: Counted, error: RuntimeManagerError, result: str
) -> None:
    """The faults are a closed set; what a registry says is never a label."""
    world.manager.on("host.pull", error)
    host = observed_host(world.manager.host)

    with pytest.raises(type(error)):
        await host.pull(ImageRef.parse("galaxy/game:9.9.9"), progress=print)

    assert counted.labels(PULLS) == [{"result": result}]
    assert counted.by("rtmanager.image.pull.duration", result=result) == 1


async def test_wait_for_a_lease_is_timed_by_its_result(
    ask: Ask, world: World, counted: Counted
) -> None:
    """An operation got its lease, or the game was busy."""
    await ask(OperationKind.START, IMAGE)
    async with world.process().leases.hold(GAME, wait=0.0):
        with pytest.raises(LeaseBusy):
            await ask(OperationKind.STOP, wait=0.0)

    assert counted.by(WAIT, result="granted") == 1
    assert counted.by(WAIT, result="busy") == 1


@pytest.mark.parametrize(("exit_code", "lines"), [(137, 1), (0, 0), (143, 0)])
async def test_engine_that_had_to_be_killed_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, exit_code: int, lines: int
) -> None:
    """A stop that took its whole grace and ended in SIGKILL is a warning; another is none."""
    now = iter([0.0, 30.0])
    monkeypatch.setattr(ports, "perf_counter", lambda: next(now))

    await observed_host(_Host(exit_code)).stop("c1", grace=30)  # type: ignore[arg-type]

    (*found,) = (each for each in caplog.records if each.msg == "engine_killed_after_grace")
    assert len(found) == lines
    assert all(vars(each)["game_id"] == "g1" for each in found)
    assert all((each.levelno, vars(each)["exit_code"]) == (logging.WARNING, 137) for each in found)


async def test_engine_that_stops_in_time_is_not_inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of Docker beyond the stop."""
    now = iter([0.0, 29.9])
    monkeypatch.setattr(ports, "perf_counter", lambda: next(now))
    host = _Host(137)

    await observed_host(host).stop("c1", grace=30)  # type: ignore[arg-type]

    assert host.inspected == 0


class _Host:
    """Stops a container that has ended with an exit code."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.inspected = 0

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop at once."""

    async def inspect(self, _container: str) -> Any:
        """Return how it ended."""
        self.inspected += 1
        return SimpleNamespace(id="c1", game_id="g1", is_running=False, exit_code=self.exit_code)
