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


def told(driver: str, backing: str = "extfs") -> DiskLimit:
    """Return a limit on a daemon with this storage."""

    async def info() -> dict[str, object]:
        return {"Driver": driver, "DriverStatus": [["Backing Filesystem", backing]]}

    return DiskLimit(info)


@pytest.mark.parametrize("storage", [("overlay2", "xfs"), ("btrfs", "btrfs"), ("zfs", "zfs")])
async def test_limit_that_docker_enforces_is_kept(storage: tuple[str, str]) -> None:
    """Where Docker can limit a container, every one is limited."""
    docker, limit = Docker(lambda _: None), told(*storage)

    assert [await limit.create(docker.create, SPEC) for _ in range(2)] == ["c", "c"]
    assert docker.limits == [7, 7]


async def test_limit_that_the_storage_driver_has_not_is_never_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So no create has to be repeated; the reason is logged once."""
    docker, limit = Docker(lambda _: None), told("overlay2")

    assert [await limit.create(docker.create, SPEC) for _ in range(3)] == ["c"] * 3

    assert docker.limits == [None, None, None]
    assert [each.message for each in caplog.records] == ["disk_limit_not_enforced"]
    assert vars(caplog.records[0])["reason"] == "the storage driver is overlay2 on extfs"


async def test_limit_that_docker_refuses_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """XFS may lack quotas: then only the first create is repeated, and that is logged once."""
    docker = Docker(lambda spec: NO_QUOTA if spec.disk_limit else None)
    limit = told("overlay2", "xfs")

    assert [await limit.create(docker.create, SPEC) for _ in range(3)] == ["c"] * 3

    assert docker.limits == [7, None, None, None]
    assert [each.message for each in caplog.records] == ["disk_limit_not_enforced"]
    assert "only for overlay over xfs" in vars(caplog.records[0])["reason"]


@pytest.mark.parametrize(
    "error",
    [
        StartConfigInvalid("no such mount"),
        HostRefused("the daemon is out of memory"),
        ContainerNameInUse(),
        DockerUnavailable(),
    ],
)
async def test_create_that_fails_otherwise_is_not_repeated(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The caller judges it by its effect; the next one has the limit again."""
    docker, limit = Docker(lambda _: error), told("overlay2", "xfs")

    with pytest.raises(type(error)):
        await limit.create(docker.create, SPEC)

    again = Docker(lambda _: None)
    await limit.create(again.create, SPEC)
    assert (docker.limits, again.limits) == ([7], [7])
    assert not caplog.records


async def test_daemon_that_does_not_say_its_storage_limits_nothing() -> None:
    """Information without the fields that are looked for is no fault."""

    async def info() -> dict[str, object]:
        return {"DriverStatus": None}

    docker = Docker(lambda _: None)

    assert await DiskLimit(info).create(docker.create, SPEC) == "c"
    assert docker.limits == [None]
