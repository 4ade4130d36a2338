"""Each check of doctor: what it finds, and the remedy."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rtmanager.adapters.postgres.checkup import PostgresFacts
from rtmanager.adapters.redis.checkup import RedisFacts
from rtmanager.bootstrap.doctor import Finding, Severity, docker, examine, state_root
from rtmanager.bootstrap.doctor import postgres as postgres_check
from rtmanager.bootstrap.doctor import redis as redis_check
from rtmanager.bootstrap.doctor.clocks import check_clock
from rtmanager.bootstrap.doctor.docker import check_docker
from rtmanager.bootstrap.doctor.names import check_names
from rtmanager.bootstrap.doctor.running_service import check_running_service
from rtmanager.config import Settings

NOW = datetime(2026, 4, 28, tzinfo=UTC)


def settings(**changes: str) -> Settings:
    """Return settings, with changes."""
    given = {
        "POSTGRES_PRIMARY_DSN": "postgresql://rtm@127.0.0.1:9/galaxy",
        "REDIS_MASTER_ADDR": "127.0.0.1:9",
        "GAME_STATE_ROOT": "/srv/galaxy",
        **changes,
    }
    return Settings.from_environment({f"RTMANAGER_{name}": given[name] for name in given})


async def all_of(findings: AsyncIterator[Finding]) -> list[Finding]:
    """Return all findings."""
    return [each async for each in findings]


async def test_wrong_settings_are_all_named_and_nothing_else_is_checked() -> None:
    """Without settings there is nothing to connect to."""
    found = await all_of(examine({"RTMANAGER_PROBE_INTERVAL": "often"}))

    assert {each.severity for each in found} == {Severity.FAULT}
    assert len(found) == 4
    assert all(each.remedy.startswith("accepted: ") for each in found)


@pytest.mark.parametrize(
    ("apart", "severity"),
    [(0.0, Severity.OK), (-0.9, Severity.OK), (2.0, Severity.WARNING), (-60.0, Severity.FAULT)],
)
def test_clock_that_is_apart_is_found(apart: float, severity: Severity) -> None:
    """A second is tolerated, half a minute is not."""
    now = datetime.now(UTC)

    assert check_clock("Redis", now + timedelta(seconds=apart), now).severity is severity


async def test_missing_socket_says_to_start_docker(tmp_path: Path) -> None:
    """Nothing is there: Docker is not installed, or does not run."""
    (found,) = await all_of(check_docker(settings(DOCKER_HOST=f"unix://{tmp_path}/none.sock")))

    assert found.severity is Severity.FAULT
    assert "No such file or directory" in found.text
    assert found.remedy.startswith("install or start Docker")


async def test_socket_that_may_not_be_used_says_to_join_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker runs: installing it again helps nobody."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        monkeypatch.setattr(os, "access", lambda *_: False)
        os.chown(path, -1, 12345)
        (found,) = await all_of(docker.check_docker(settings(DOCKER_HOST=f"unix://{path}")))

    assert found.severity is Severity.FAULT
    assert "to the group 12345" in found.remedy
    assert "install" not in found.remedy


async def test_name_that_does_not_resolve_is_found() -> None:
    """The variable is named; addresses are no names."""
    wrong = settings(REDIS_MASTER_ADDR="no-such-host.invalid:6379")
    (found,) = await all_of(check_names(wrong))
    (fine,) = await all_of(check_names(settings()))

    assert found.severity is Severity.FAULT
    assert "RTMANAGER_REDIS_MASTER_ADDR" in found.remedy
    assert fine.severity is Severity.OK


async def test_service_that_does_not_run_is_no_fault() -> None:
    """Doctor is for the time before the first start, too."""
    (found,) = await all_of(check_running_service(settings(INTERNAL_HTTP_ADDR="127.0.0.1:9")))

    assert found == Finding.ok("service", "does not run at http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("applied", "severity", "said"),
    [
        (None, Severity.WARNING, "`rtmanager migrate`"),
        (7, Severity.WARNING, "brings it to version 8"),
        (8, Severity.OK, ""),
        (9, Severity.WARNING, "update this process"),
    ],
)
def test_schema_of_another_release_is_found(
    applied: int | None, severity: Severity, said: str
) -> None:
    """The service would migrate an older one, and run on a newer one."""
    facts = PostgresFacts("17", False, NOW, 100, "rtmanager", applied, 8)  # noqa: FBT003
    found = postgres_check._schema(facts)  # noqa: SLF001 - the rule without a server

    assert found.severity is severity
    assert said in found.remedy


def test_redis_that_denies_or_forgets_is_found() -> None:
    """Missing rights and an evicting policy are faults; no persistence is a warning."""
    denied = redis_check._rights(RedisFacts(NOW, ("xadd", "key jobs"), None))  # noqa: SLF001
    evicting = list(
        redis_check._server(  # noqa: SLF001
            {"maxmemory_policy": "allkeys-lru", "maxmemory": 1, "aof_enabled": 0}
        )
    )
    (silent,) = redis_check._server(None)  # noqa: SLF001

    assert denied.severity is Severity.FAULT
    assert "xadd, key jobs" in denied.text
    assert [each.severity for each in evicting] == [Severity.FAULT, Severity.WARNING]
    assert silent.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("mounts", "severity"),
    [
        (None, Severity.WARNING),
        ([], Severity.FAULT),
        ([{"Source": "/data", "Destination": "/srv"}], Severity.FAULT),
        ([{"Source": "/srv/galaxy", "Destination": "/srv/galaxy"}], Severity.OK),
        (
            [
                {"Source": "/srv", "Destination": "/srv"},
                {"Source": "/other", "Destination": "/srv/galaxy"},
            ],
            Severity.FAULT,
        ),
    ],
)
def test_state_root_in_a_container_has_the_path_of_the_host(
    mounts: list[dict[str, str]] | None, severity: Severity
) -> None:
    """Docker mounts the directory of its host, which must be the same."""
    found = state_root._mounted(Path("/srv/galaxy"), mounts)  # noqa: SLF001

    assert found.severity is severity
    assert severity is Severity.OK or "--volume /srv/galaxy:/srv/galaxy" in found.remedy


async def test_state_root_that_is_missing_is_found(tmp_path: Path) -> None:
    """It is looked for before any start, and nothing of the trial is left."""
    missing = await all_of(
        state_root.check_state_root(settings(GAME_STATE_ROOT=f"{tmp_path}/none"))
    )
    (tmp_path / "games").mkdir()
    state_root._unusable(tmp_path / "games")  # noqa: SLF001

    assert missing[0].severity is Severity.FAULT
    assert f"mkdir -p {tmp_path}/none" in missing[0].remedy
    assert list((tmp_path / "games").iterdir()) == []
