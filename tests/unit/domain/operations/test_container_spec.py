from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.container import (
    ContainerSpec,
    EngineImage,
    HealthIntervals,
    ImageId,
    ResourceLimits,
    parse_memory,
)
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.operations.container_spec import (
    MOST_LABEL_CHARACTERS,
    MOST_LABELS,
    EnginePolicy,
    container_spec,
    limits_of,
)
from rtmanager.domain.operations.health_intervals import LONGEST_TEST, SECOND
from rtmanager.domain.operations.scratch_directories import TMP
from tests.builders import make_request
from tests.unit.domain.world import GAME, IMAGE, POLICY

DEFAULT, MAXIMUM = POLICY.default_limits, POLICY.max_limits
CPU, MEMORY, PIDS = "com.galaxy.cpu_quota", "com.galaxy.memory", "com.galaxy.pids_limit"
AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_spec_is_the_container_contract() -> None:
    """Name, labels, environment, mount and network follow the container contract."""
    operation = Operation(id=Fence(7), request=make_request(game_id=GAME), started_at=AT)
    image = EngineImage(id=ImageId("sha256:1"), labels={CPU: "2"}, user="")

    spec = container_spec(
        operation,
        IMAGE,
        image,
        policy=POLICY,
        installation="here",
        state_path="/srv/g1",
        at=AT,
    )

    assert (spec.name, spec.hostname) == ("galaxy-game-g1", "galaxy-game-g1")
    assert spec.image == image.id
    assert spec.labels == {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.installation": "here",
        "com.galaxy.game_id": "g1",
        "com.galaxy.engine_image_ref": IMAGE,
        "com.galaxy.started_at_ms": "1772366400123",
        "com.galaxy.op_id": "7",
    }
    assert spec.environment == {
        "GAME_STATE_PATH": "/var/lib/galaxy-game",
        "STORAGE_PATH": "/var/lib/galaxy-game",
    }
    assert (spec.state_path, spec.mount_path) == ("/srv/g1", "/var/lib/galaxy-game")
    assert spec.network == "galaxy-net"
    assert spec.limits == ResourceLimits(cpu_quota=2.0, memory_bytes=512 << 20, pids_limit=512)


def test_image_without_labels_gets_the_defaults() -> None:
    """The operator's defaults apply where the image has no labels."""
    assert limits_of({}, DEFAULT, MAXIMUM) == DEFAULT


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("10b", 10),
        ("4k", 4096),
        ("512m", 512 << 20),
        ("2g", 2 << 30),
        ("2G", 2 << 30),
        ("1GB", 1 << 30),
        (" 64m ", 64 << 20),
    ],
)
def test_memory_label_is_a_size(text: str, size: int) -> None:
    """Sizes have the same format as Docker's."""
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (CPU, "0"),
        (CPU, "-1"),
        (CPU, "many"),
        (CPU, "nan"),
        (CPU, "inf"),
        (CPU, "1e3"),
        (CPU, ""),
        (MEMORY, "0m"),
        (MEMORY, "-1"),
        (MEMORY, "512 m"),
        (MEMORY, "1.5g"),
        (MEMORY, "9" * 40),
        (MEMORY, "5m"),
        (CPU, "0.009"),
        (CPU, "9" * 5000),
        (PIDS, "9" * 5000),
        (MEMORY, ""),
        (PIDS, "0"),
        (PIDS, "-1"),
        (PIDS, "1.5"),
        (PIDS, "\u0661"),
        (PIDS, ""),
    ],
)
def test_unreadable_limit_is_start_config_invalid(label: str, text: str) -> None:
    """A limit that cannot be parsed is refused by its label's name."""
    with pytest.raises(StartConfigInvalid, match=label):
        limits_of({label: text}, DEFAULT, MAXIMUM)


def test_labels_may_ask_for_the_maximum() -> None:
    """The operator's maxima themselves are allowed."""
    asked = {CPU: "4", MEMORY: "8g", PIDS: "4096"}

    assert limits_of(asked, DEFAULT, MAXIMUM) == MAXIMUM


@pytest.mark.parametrize(
    ("label", "text", "largest", "setting"),
    [
        (CPU, "4.01", "4", "RTMANAGER_MAX_CPU_QUOTA"),
        (CPU, "9999", "4", "RTMANAGER_MAX_CPU_QUOTA"),
        (MEMORY, "8193m", "8g", "RTMANAGER_MAX_MEMORY"),
        (MEMORY, "100000g", "8g", "RTMANAGER_MAX_MEMORY"),
        (PIDS, "4097", "4096", "RTMANAGER_MAX_PIDS_LIMIT"),
        (PIDS, "999999999", "4096", "RTMANAGER_MAX_PIDS_LIMIT"),
    ],
)
def test_label_above_the_maximum_is_refused(
    label: str, text: str, largest: str, setting: str
) -> None:
    """An image cannot give itself the whole host; the message has label, maximum and setting."""
    with pytest.raises(StartConfigInvalid) as refused:
        limits_of({label: text}, DEFAULT, MAXIMUM)

    assert all(part in refused.value.message for part in (label, text, f"to {largest}", setting))


def test_refusal_recommends_nothing_that_would_be_refused() -> None:
    """The range is all that is said: an example could lie outside of it."""
    small = ResourceLimits(cpu_quota=1.0, memory_bytes=64 << 20, pids_limit=8)
    for label, expected in (
        (CPU, "expected a number of CPUs from 0.01 to 1 (the"),
        (MEMORY, "expected a size from 6m to 64m: a number and b, k, m or g (the"),
        (PIDS, "expected a number of processes from 1 to 8 (the"),
    ):
        with pytest.raises(StartConfigInvalid) as refused:
            limits_of({label: "9999g"}, small, small)

        assert expected in refused.value.message


def test_long_label_is_quoted_in_part() -> None:
    """The message stays short and printable, whatever the label contains."""
    with pytest.raises(StartConfigInvalid) as refused:
        limits_of({MEMORY: "\x1b[31m" * 100_000}, DEFAULT, MAXIMUM)

    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 600


@pytest.mark.parametrize(
    "labels",
    [
        {f"l{number}": "" for number in range(MOST_LABELS + 1)},
        {"notes": "x" * MOST_LABEL_CHARACTERS},
        {"x" * MOST_LABEL_CHARACTERS: "1"},
    ],
    ids=["many", "long value", "long name"],
)
def test_image_with_too_many_labels_is_refused(labels: dict[str, str]) -> None:
    """Docker repeats labels in each list of containers, which is read again and again."""
    with pytest.raises(StartConfigInvalid, match="labels"):
        _spec(EngineImage(id=ImageId("sha256:1"), labels=labels, user=""))


def test_spec_has_the_operator_s_sandbox() -> None:
    """Runtime and disk limit are the policy's; the image's volumes lie in memory."""
    image = EngineImage(id=ImageId("sha256:1"), labels={}, user="", volumes=("/data",))
    policy = replace(POLICY, runtime="runsc", disk_limit=7, scratch_bytes=5, read_only_root=True)

    spec = _spec(image, policy)

    assert (spec.runtime, spec.disk_limit) == ("runsc", 7)
    assert (spec.scratch, spec.scratch_bytes) == (("/data", TMP), 5)


def test_spec_bounds_the_health_check_of_the_image() -> None:
    """Docker executes it outside of the engine's limits."""
    eager = HealthIntervals(running=1, starting=1)
    image = EngineImage(id=ImageId("sha256:1"), labels={}, user="", health_intervals=eager)

    assert _spec(image).health_intervals == HealthIntervals(10 * SECOND, 10 * SECOND)


def test_image_with_a_long_health_check_is_refused() -> None:
    """Docker repeats its command in two events of each check."""
    fits = EngineImage(id=ImageId("sha256:1"), labels={}, user="", health_test_length=LONGEST_TEST)

    assert _spec(fits).image == fits.id
    with pytest.raises(StartConfigInvalid, match="HEALTHCHECK has 4097 characters; at most 4096"):
        _spec(replace(fits, health_test_length=LONGEST_TEST + 1))


def _spec(image: EngineImage, policy: EnginePolicy = POLICY) -> ContainerSpec:
    operation = Operation(id=Fence(7), request=make_request(game_id=GAME), started_at=AT)
    return container_spec(
        operation, IMAGE, image, policy=policy, installation="here", state_path="/srv/g1", at=AT
    )


@given(st.sampled_from([CPU, MEMORY, PIDS]), st.text())
def test_any_label_is_read_or_refused(label: str, text: str) -> None:
    """Every label yields positive limits or StartConfigInvalid."""
    with suppress(StartConfigInvalid):
        limits = limits_of({label: text}, DEFAULT, MAXIMUM)
        assert 0 < limits.cpu_quota <= MAXIMUM.cpu_quota
        assert 0 < limits.memory_bytes <= MAXIMUM.memory_bytes
        assert 0 < limits.pids_limit <= MAXIMUM.pids_limit
