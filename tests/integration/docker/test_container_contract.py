"""What an engine is given (see the README), as `docker inspect` shows it on a real Docker."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operations.scratch_directories import scratch_directories
from rtmanager.domain.ports.container_host import ContainerRuns, StartConfigInvalid
from tests.contract.ports.docker_fixtures import created, running, spec_of
from tests.contract.ports.docker_worlds import RealWorld
from tests.support.mounts import mounted


async def _shown(world: RealWorld, **changes: Any) -> dict[str, Any]:
    container_id = await running(world, **changes)
    answer: dict[str, Any] = world.api.inspect_container(container_id)
    return answer


def _mounts(pid: int) -> dict[str, set[str]]:
    """Return the options of each mount of a process, as the kernel shows them."""
    lines = (line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines())
    return {path: set(options.split(",")) for _, path, _, options, *_ in lines}


def _core_limits(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def _kernel_status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t") for line in lines)


async def test_name_hostname_and_labels_are_as_asked(real_docker: RealWorld) -> None:
    """The container has the spec's labels, and its name is its hostname."""
    spec = await spec_of(real_docker)
    answer = real_docker.api.inspect_container(await real_docker.host.create(spec))

    assert answer["Name"] == f"/{spec.name}"
    assert answer["Config"]["Hostname"] == spec.hostname
    assert spec.labels.items() <= answer["Config"]["Labels"].items()
    assert answer["Image"] == spec.image


async def test_the_environment_holds_ours_and_the_image_s_only(
    real_docker: RealWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy setting of the manager's Docker config file reaches an engine."""
    proxies = '{"proxies": {"default": {"httpProxy": "http://proxy.invalid:3128"}}}'
    (tmp_path / "config.json").write_text(proxies)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    environment = (await _shown(real_docker))["Config"]["Env"]

    assert sorted(environment) == [
        "ENGINE_VERSION=1.4.7",
        "PATH=/bin",
        "STORAGE_PATH=/var/lib/galaxy-game",
    ]


async def test_the_state_directory_is_bound(real_docker: RealWorld) -> None:
    """The only mount is a writable bind of the state directory with private propagation."""
    (mount,) = (await _shown(real_docker))["Mounts"]

    assert mount["Type"] == "bind"
    assert (mount["Source"], mount["Destination"]) == (
        real_docker.state_path,
        "/var/lib/galaxy-game",
    )
    assert (mount["RW"], mount["Propagation"]) == (True, "rprivate")


async def test_the_network_is_the_only_way_in(real_docker: RealWorld) -> None:
    """The container is only on the configured network and publishes no port."""
    answer = await _shown(real_docker)

    assert list(answer["NetworkSettings"]["Networks"]) == [real_docker.network]
    assert answer["HostConfig"]["NetworkMode"] == real_docker.network
    assert not answer["HostConfig"]["PortBindings"]
    assert not answer["HostConfig"]["PublishAllPorts"]
    assert not any(answer["NetworkSettings"]["Ports"].values())


async def test_the_container_is_hardened(real_docker: RealWorld) -> None:
    """No privileges and no new ones, an init process, and no automatic restart."""
    host = (await _shown(real_docker))["HostConfig"]

    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["CapDrop"], host["CapAdd"], host["Privileged"]) == (["ALL"], None, False)
    assert host["Init"] is True
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["AutoRemove"] is False


async def test_the_process_really_has_no_privileges(real_docker: RealWorld) -> None:
    """The kernel shows no capability in any set, and no new ones can be gained."""
    pid = (await _shown(real_docker))["State"]["Pid"]
    status = _kernel_status(pid)

    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


async def test_the_limits_are_as_asked(real_docker: RealWorld) -> None:
    """Cores, memory and processes are limited, and there is no swap beyond the memory."""
    host = (await _shown(real_docker))["HostConfig"]

    assert host["NanoCpus"] == 1_000_000_000
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert host["PidsLimit"] == 64


async def test_no_core_file_fills_the_disk(real_docker: RealWorld) -> None:
    """An engine that crashes leaves no image of its memory in its state directory."""
    pid = (await _shown(real_docker))["State"]["Pid"]

    assert _core_limits(pid) == ["0", "0"]


async def test_directories_in_memory_are_limited_and_run_nothing(real_docker: RealWorld) -> None:
    """A mount in memory has its size and forbids programs, setuid files and devices."""
    scratch = ("/data", "/tmp")  # noqa: S108 - the engine's
    shown = await _shown(real_docker, read_only_root=True, scratch=scratch, scratch_bytes=6 << 20)
    mounts = _mounts(shown["State"]["Pid"])

    assert all(
        {"rw", "nosuid", "nodev", "noexec", "size=6144k"} <= mounts[path] for path in scratch
    )


async def test_no_volume_of_the_image_is_made(real_docker: RealWorld) -> None:
    """What an image declares as a volume is not made on the host's disk, where it has no limit."""
    reference = f"galaxy/test-{real_docker.network}:1.0.0"
    real_docker.build(reference, "VOLUME /data", "VOLUME /var/log/engine/")
    image = await real_docker.host.image(ImageRef.parse(reference))
    assert image is not None
    scratch = scratch_directories(
        image.volumes, mount_path="/var/lib/galaxy-game", read_only_root=False
    )

    without = await created(real_docker, reference)
    with_scratch = await created(real_docker, reference, scratch=scratch, scratch_bytes=6 << 20)

    types = [
        [mount["Type"] for mount in real_docker.api.inspect_container(each)["Mounts"]]
        for each in (without, with_scratch)
    ]
    for each in (without, with_scratch):
        real_docker.api.remove_container(each, v=True)
    assert [sorted(each) for each in types] == [["bind", "volume", "volume"], ["bind"]]


async def test_state_has_the_options_of_its_file_system(
    real_docker: RealWorld, tmp_path: Path
) -> None:
    """Docker binds a directory with the options of the host's mount: nosuid has to be set there."""
    with mounted(tmp_path, "nosuid,nodev"):
        shown = await _shown(real_docker, state_path=str(tmp_path))
        options = _mounts(shown["State"]["Pid"])["/var/lib/galaxy-game"]
        real_docker.vanish(ContainerId(shown["Id"]))

    assert {"nosuid", "nodev"} <= options


async def test_an_unknown_runtime_is_a_configuration_fault(real_docker: RealWorld) -> None:
    """Docker's own words name the runtime that it does not know."""
    with pytest.raises(StartConfigInvalid, match=r"[Uu]nknown runtime.* galaxy-none"):
        await created(real_docker, runtime="galaxy-none")

    assert "runc" in await real_docker.new_host(network=real_docker.network).runtimes()


async def test_the_chosen_runtime_runs_the_engine(real_docker: RealWorld) -> None:
    """A runtime by name is passed to Docker."""
    answer = await _shown(real_docker, runtime="runc")

    assert (answer["HostConfig"]["Runtime"], answer["State"]["Running"]) == ("runc", True)


async def test_a_disk_limit_that_docker_cannot_enforce_fails_no_start(
    real_docker: RealWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Containers are created anyway, and the log says once what is missing."""
    for _ in range(2):
        container_id = await created(real_docker, disk_limit=10 << 30)
        host = real_docker.api.inspect_container(container_id)["HostConfig"]
        said = [each for each in caplog.records if each.message == "disk_limit_not_enforced"]

        # A host with quotas enforces the limit; any other says so once.
        assert host.get("StorageOpt") == (None if said else {"size": str(10 << 30)})
        assert len(said) <= 1
        assert all("pquota" in vars(each)["needed"] for each in said)


async def test_a_refusal_with_a_disk_limit_is_the_other_fault(real_docker: RealWorld) -> None:
    """What is wrong besides the disk limit is reported as ever."""
    with pytest.raises(StartConfigInvalid, match="bind source path does not exist"):
        await created(real_docker, disk_limit=10 << 30, state_path="/no/such/directory")


async def test_trap_unbounded_log_fills_disk(real_docker: RealWorld) -> None:
    """An engine's log is limited to three files of ten megabytes."""
    log = (await _shown(real_docker))["HostConfig"]["LogConfig"]

    assert log == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}


@pytest.mark.parametrize("read_only", [False, True])
async def test_the_root_file_system_may_be_read_only(
    real_docker: RealWorld, *, read_only: bool
) -> None:
    """With the option, an engine that writes only to its mount still runs."""
    answer = await _shown(real_docker, read_only_root=read_only)

    assert answer["HostConfig"]["ReadonlyRootfs"] is read_only
    assert answer["State"]["Running"]


async def test_an_engine_out_of_memory_is_seen_as_such(real_docker: RealWorld) -> None:
    """A kill for lack of memory is distinguished from any other kill."""
    container_id = await running(real_docker, "galaxy/game:1.4.90-eats-memory")
    (Path(real_docker.state_path) / "eat-memory").touch()

    async with asyncio.timeout(20):
        code = (await asyncio.to_thread(real_docker.api.wait, container_id))["StatusCode"]
    details = await real_docker.host.inspect(container_id)

    assert details is not None
    assert (code, details.oom_killed) == (137, True)


async def test_a_paused_container_counts_as_running(real_docker: RealWorld) -> None:
    """Removing a paused container is refused, though with another message of Docker's."""
    container_id = await running(real_docker)
    real_docker.api.pause(container_id)

    with pytest.raises(ContainerRuns, match="paused"):
        await real_docker.host.remove(container_id)


async def test_trap_stale_network_endpoint(real_docker: RealWorld) -> None:
    """A container starts on the network that has the name now, not the one it was created for."""
    name = f"{real_docker.network}-again"
    real_docker.api.create_network(name, driver="bridge")
    try:
        container_id = await created(real_docker, network=name)
        real_docker.api.remove_network(name)
        new = real_docker.api.create_network(name, driver="bridge")["Id"]

        await real_docker.host.start(container_id)

        answer = real_docker.api.inspect_container(container_id)
        assert answer["NetworkSettings"]["Networks"][name]["NetworkID"] == new
    finally:
        real_docker.vanish(ContainerId(container_id))
        real_docker.api.remove_network(name)


async def test_image_inspection_leaves_no_container(real_docker: RealWorld) -> None:
    """The helper container is removed whether or not the user was found."""
    image = await real_docker.host.image(ImageRef.parse("galaxy/game:1.4.90-user-by-name"))
    assert image is not None
    await real_docker.host.image_owner(image)

    kind = {"label": "com.galaxy.kind=image-inspection"}
    mine = [
        one
        for one in real_docker.api.containers(all=True, filters=kind)
        if one["ImageID"] == image.id
    ]
    assert mine == []


async def test_long_output_is_bounded_and_made_safe(real_docker: RealWorld) -> None:
    """At most 16 KiB of whole lines come back, without control characters."""
    reference = f"galaxy/test-{real_docker.network}:1.0.0"
    noise = "printf '\\033[31mred\\377\\n'; seq 1 20000; printf 'last\\tline\\r\\n'"
    real_docker.build(reference, f'CMD ["/bin/sh", "-c", "{noise}"]'.replace("\\", "\\\\"))
    container_id = await running(real_docker, reference)
    await asyncio.to_thread(real_docker.api.wait, container_id)

    everything = await real_docker.host.logs(container_id, lines=100_000)
    first = await real_docker.host.logs(container_id, lines=20_002)

    assert sum(len(line) + 1 for line in everything) <= 16 * 1024
    assert everything[-2:] == ("20000", "last\\tline")
    assert len(await real_docker.host.logs(container_id, lines=5)) == 5
    assert first[-1] == "last\\tline"


async def test_a_long_line_of_control_characters_is_cut(real_docker: RealWorld) -> None:
    """The last line becomes part of an error message, and escapes are longer than characters."""
    reference = f"galaxy/test-{real_docker.network}:1.0.1"
    real_docker.build(reference, 'CMD ["/bin/sh", "-c", "head -c 9000 /dev/zero"]')
    container_id = await running(real_docker, reference)
    await asyncio.to_thread(real_docker.api.wait, container_id)

    (line,) = await real_docker.host.logs(container_id, lines=20)

    assert line == "\\x00" * 249 + "\\x0…"
