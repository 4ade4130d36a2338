from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.container import EngineImage, ImageId, ResourceLimits
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.operations.container_spec import container_spec, limits_of
from tests.builders import make_request
from tests.unit.domain.world import GAME, IMAGE, POLICY

DEFAULT = POLICY.default_limits
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
    assert limits_of({}, DEFAULT) == DEFAULT


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
    assert limits_of({MEMORY: text}, DEFAULT).memory_bytes == size


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
        limits_of({label: text}, DEFAULT)


@given(st.sampled_from([CPU, MEMORY, PIDS]), st.text())
def test_any_label_is_read_or_refused(label: str, text: str) -> None:
    """Every label yields positive limits or StartConfigInvalid."""
    with suppress(StartConfigInvalid):
        limits = limits_of({label: text}, DEFAULT)
        assert limits.cpu_quota > 0
        assert limits.memory_bytes > 0
        assert limits.pids_limit > 0
