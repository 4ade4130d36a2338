"""A real Docker pulls from registries that answer badly, endlessly, slowly, or never."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from rtmanager.adapters.docker import image_pulls
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ContainerHost, ImagePullFailed, PullFault
from rtmanager.domain.texts import MAX_TEXT
from tests.contract.ports.docker_worlds import RealWorld
from tests.support.hostile_registry import SECRET, HostileRegistry, hostile_registry

STALL = 1.0
TOTAL = 3.0
BOUND = 20.0
"""Several times the limits, for a machine that is busy."""


_NOT_QUOTED = {"breaks", "huge", "huge-layer", "redirects", "missing"}
"""Behaviours without the secret, or of whose answer Docker passes on nothing."""


@pytest.fixture
def hostile() -> Iterator[HostileRegistry]:
    """Return a hostile registry."""
    with hostile_registry() as running:
        yield running


@pytest.fixture
def host(real_docker: RealWorld) -> ContainerHost:
    """Return a host that gives up soon."""
    return real_docker.new_host(network=real_docker.network, pull_stall=STALL, pull_timeout=TOTAL)


async def _refusal(host: ContainerHost, reference: str) -> ImagePullFailed:
    with pytest.raises(ImagePullFailed) as caught:
        async with asyncio.timeout(BOUND):
            await host.pull(ImageRef.parse(reference), progress=lambda _: None)
    return caught.value


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        ("missing", PullFault.UNKNOWN_IMAGE),
        ("denies", PullFault.UNKNOWN_IMAGE),
        ("secret", PullFault.OTHER),
        ("breaks", PullFault.OTHER),
        ("escapes", PullFault.UNKNOWN_IMAGE),
        ("huge", PullFault.OTHER),
        ("huge-layer", PullFault.OTHER),
        ("redirects", PullFault.OTHER),
    ],
)
async def test_what_a_registry_answers_is_kept_from_the_caller(
    real_docker: RealWorld, hostile: HostileRegistry, behaviour: str, fault: PullFault
) -> None:
    """The caller learns the kind of fault; the detail is printable, on one line, and cut."""
    failed = await _refusal(real_docker.host, hostile.reference(behaviour))

    assert failed.message == fault
    assert failed.detail is not None
    assert failed.detail.isprintable()
    assert len(failed.detail) <= MAX_TEXT
    assert SECRET in failed.detail or behaviour in _NOT_QUOTED


@pytest.mark.parametrize("behaviour", ["silent", "slow-manifest", "stalls"])
async def test_a_registry_that_does_not_get_ahead_fails_the_pull(
    host: ContainerHost, hostile: HostileRegistry, behaviour: str
) -> None:
    """Docker reports no progress, so the stall limit ends the pull."""
    failed = await _refusal(host, hostile.reference(behaviour))

    assert failed.message == "the pull made no progress for 1 s and was given up"


async def test_a_registry_that_drips_a_layer_fails_the_pull_at_the_total_limit(
    real_docker: RealWorld, hostile: HostileRegistry
) -> None:
    """Each byte is progress; the total limit ends the pull, and Docker gives up the download."""
    host = real_docker.new_host(network=real_docker.network, pull_stall=10.0, pull_timeout=TOTAL)
    began = time.monotonic()

    failed = await _refusal(host, hostile.reference("drips"))

    assert failed.message == "the pull was not complete after 3 s and was given up"
    assert time.monotonic() - began >= TOTAL
    async with asyncio.timeout(BOUND):
        while not hostile.abandoned:  # noqa: ASYNC110 - Docker sends no notice
            await asyncio.sleep(0.05)


async def test_a_registry_that_never_answers_holds_up_only_its_own_pulls(
    real_docker: RealWorld, hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a registry has all of its slots, its next pull waits, and others succeed."""
    monkeypatch.setattr(image_pulls, "PULLS_PER_REGISTRY", 2)
    host = real_docker.new_host(network=real_docker.network, pull_stall=4.0)
    pulls = [
        asyncio.create_task(_refusal(host, hostile.reference("silent", number)))
        for number in range(3)
    ]
    async with asyncio.timeout(BOUND):
        while hostile.count("silent") < 2:  # noqa: ASYNC110 - Docker sends no notice
            await asyncio.sleep(0.02)

    good = await host.pull(ImageRef.parse(real_docker.publish()), progress=lambda _: None)

    assert good.id
    assert hostile.count("silent") == 2
    assert not any(each.done() for each in pulls)
    hostile.released.set()
    await asyncio.gather(*pulls)


async def test_a_slot_that_does_not_become_free_is_waited_for_up_to_the_stall_limit(
    real_docker: RealWorld, hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull that waits for its registry's other pulls fails too, and names the registry."""
    monkeypatch.setattr(image_pulls, "PULLS_PER_REGISTRY", 1)
    host = real_docker.new_host(network=real_docker.network, pull_stall=STALL, pull_timeout=1.6)
    reference, other = (hostile.reference("drips", number) for number in (1, 2))
    first = asyncio.create_task(_refusal(host, reference))
    await asyncio.sleep(0)

    failed = await _refusal(host, other)

    assert failed.message.startswith(f"too many pulls from {hostile.host} are under way")
    await first
