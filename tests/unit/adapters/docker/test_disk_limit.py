"""Creating containers with a disk limit, whether or not Docker can enforce it."""

from collections.abc import Callable

import pytest

from rtmanager.adapters.docker.disk_limit import DiskLimit
from rtmanager.domain.container import ContainerId, ContainerSpec, ImageId, ResourceLimits
from rtmanager.domain.errors import DockerUnavailable, StartConfigInvalid
from rtmanager.domain.ports.container_host import ContainerNameInUse, HostRefused

SPEC = ContainerSpec(
    name="a",
    hostname="a",
    image=ImageId("sha256:1"),
    labels={},
    environment={},
    network="galaxy-net",
    state_path="/srv/a",
    mount_path="/state",
    limits=ResourceLimits(cpu_quota=1.0, memory_bytes=1, pids_limit=1),
    read_only_root=False,
    disk_limit=7,
)
NO_QUOTA = HostRefused("--storage-opt is supported only for overlay over xfs")


class Docker:
    """Creates containers, or refuses to."""

    def __init__(self, refusal: Callable[[ContainerSpec], Exception | None]) -> None:
        self.limits: list[int | None] = []
        self._refusal = refusal

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Note the limit, and refuse or create."""
        self.limits.append(spec.disk_limit)
        refusal = self._refusal(spec)
        if refusal is not None:
            raise refusal
        return ContainerId("c")


async def test_limit_that_docker_enforces_is_kept() -> None:
    """Where Docker can limit a container, every one is limited."""
    docker, limit = Docker(lambda _: None), DiskLimit()

    assert [await limit.create(docker.create, SPEC) for _ in range(2)] == ["c", "c"]
    assert docker.limits == [7, 7]


async def test_limit_that_docker_refuses_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """The refusal is remembered, so that only the first create is repeated, and logged once."""
    docker = Docker(lambda spec: NO_QUOTA if spec.disk_limit else None)
    limit = DiskLimit()

    assert [await limit.create(docker.create, SPEC) for _ in range(3)] == ["c"] * 3

    assert docker.limits == [7, None, None, None]
    assert [each.message for each in caplog.records] == ["disk_limit_not_enforced"]
    assert "only for overlay over xfs" in vars(caplog.records[0])["reason"]


@pytest.mark.parametrize("refusal", [StartConfigInvalid("no such mount"), HostRefused("broken")])
async def test_refusal_for_another_reason_is_no_proof_against_the_limit(
    caplog: pytest.LogCaptureFixture, refusal: Exception
) -> None:
    """A create that fails without the limit too leaves the limit on for the next one."""
    docker, limit = Docker(lambda _: refusal), DiskLimit()

    with pytest.raises(type(refusal)):
        await limit.create(docker.create, SPEC)

    again = Docker(lambda _: None)
    await limit.create(again.create, SPEC)
    assert (docker.limits, again.limits) == ([7, None], [7])
    assert not caplog.records


@pytest.mark.parametrize("error", [ContainerNameInUse(), DockerUnavailable()])
async def test_create_is_not_repeated_when_that_could_change_nothing(error: Exception) -> None:
    """A name in use has nothing to do with the limit; an unknown result is for the caller."""
    docker = Docker(lambda _: error)

    with pytest.raises(type(error)):
        await DiskLimit().create(docker.create, SPEC)

    assert docker.limits == [7]
