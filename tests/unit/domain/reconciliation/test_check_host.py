"""What the service checks at its start, before it does anything else."""

import pytest

from rtmanager.domain.errors import DockerUnavailable
from tests.unit.domain.watch import labels_of
from tests.unit.domain.world import World


async def _logged(world: World, caplog: pytest.LogCaptureFixture) -> list[str]:
    await world.manager.cycles.check_host.run()
    return caplog.messages


async def test_sound_database_is_not_reported(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is reported when the database issued every fence on the host."""
    assert await _logged(running, caplog) == []


async def test_new_database_on_a_host_with_containers_starts_above_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """No operation gets a fence that one of our containers already carries."""
    world.docker.add_foreign("old", labels=labels_of(fence=41))
    world.docker.add_foreign("older", labels=labels_of(fence=40, installation=None))

    assert await _logged(world, caplog) == ["database_older_than_containers"]
    await world.manager.start()
    assert world.last.id == 42


async def test_trap_label_of_a_stranger_is_no_fence(world: World) -> None:
    """A number that no operation id can have is ignored, and the service starts."""
    labels = dict(labels_of(installation=None)) | {"com.galaxy.op_id": "9" * 5000}
    world.docker.add_foreign("theirs", labels=labels)

    await world.manager.cycles.check_host.run()
    await world.manager.start()

    assert world.last.id == 1


async def test_fences_of_others_are_theirs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Another installation's fences do not count, and the shared network is reported."""
    world.docker.add_foreign("theirs", labels=labels_of(fence=900, installation="there"))

    assert await _logged(world, caplog) == ["network_shared_with_others"]
    assert vars(caplog.records[0])["installations"] == ["there"]
    await world.manager.start()
    assert world.last.id == 1


async def test_others_on_another_network_are_not_mentioned(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Containers on another network cannot be confused with ours."""
    world.docker.add_foreign(
        "theirs", labels=labels_of(installation="there"), network="another-net"
    )

    assert await _logged(world, caplog) == []


async def test_label_that_is_no_number_is_no_fence(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A label that is not a number is ignored."""
    labels = {**labels_of(), "com.galaxy.op_id": "\u0664\u0661"}
    world.docker.add_foreign("odd", labels=labels)

    assert await _logged(world, caplog) == []


async def test_without_docker_nothing_is_known(world: World) -> None:
    """The service does not start without Docker's list."""
    world.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await world.manager.cycles.check_host.run()
