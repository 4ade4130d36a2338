"""Each setting reaches its part of the assembled service."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import rtmanager
from rtmanager.bootstrap import composition
from rtmanager.bootstrap.connections import Connections
from rtmanager.bootstrap.service import Service
from rtmanager.bootstrap.transport import Transport
from rtmanager.config import Settings
from rtmanager.domain.container import ResourceLimits
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.reconciliation.drift import GRACE
from tests.support.observed import adapter_in

PACKAGE = Path(rtmanager.__file__).parent


@pytest.fixture(scope="module")
def service() -> Service:
    """Return a service in which every setting is unique and differs from its default."""
    return composition.assemble(SETTINGS)


def _settings() -> Settings:
    settings = {
        "postgres_primary_dsn": "postgresql://nobody@127.0.0.1:1/none",
        "postgres_password": "for-postgres",
        "redis_master_addr": "127.0.0.1:1",
        "redis_username": "rtm",
        "redis_password": "for-redis",
        "redis_tls": "true",
        "redis_tls_ca_file": "/certs/redis-ca.pem",
        "redis_tls_cert_file": "/certs/redis-cert.pem",
        "redis_tls_key_file": "/certs/redis-key.pem",
        "docker_host": "tcp://127.0.0.1:1",
        "docker_cert_path": "/certs/docker",
        "game_state_root": "/srv/games",
        "container_retention_days": "7",
        "operation_log_days": "9",
        "outbox_keep_sent": "11h",
        "probe_failures_threshold": "13",
        "job_concurrency": "17",
        "container_stop_timeout_seconds": "19",
        "start_gate_timeout": "23s",
        "patch_gate_timeout": "29s",
        "game_lease_wait": "31s",
        "game_lease_ttl_seconds": "37",
        "probe_timeout": "41s",
        "allowed_images": "galaxy/*",
        "pull_stall_timeout": "43s",
        "pull_timeout": "47m",
        "max_cpu_quota": "43.5",
        "max_memory": "47g",
        "max_pids_limit": "5300",
        "engine_tmp_size": "59m",
        "engine_disk_limit": "61g",
        "docker_runtime": "runsc",
    }
    variables = {f"RTMANAGER_{name.upper()}": value for name, value in settings.items()}
    return Settings.from_environment(variables)


SETTINGS = _settings()


def test_retention_is_in_days(service: Service) -> None:
    """The retention setting is in days, as its name says."""
    assert service.cycles.expire.retention == timedelta(days=7)


def test_operations_are_kept_for_as_many_days_as_are_set(service: Service) -> None:
    """The operation log has a setting of its own."""
    assert service.cycles.prune_log.keep == timedelta(days=9)


def test_sent_messages_are_kept_for_as_long_as_is_set(service: Service) -> None:
    """Sent messages are kept for the configured time, whatever its unit."""
    assert service.cycles.relay.keep_sent == timedelta(hours=11)


def test_probe_reports_a_failure_after_as_many_misses_as_are_set(service: Service) -> None:
    """The probe uses its own setting, neither the default nor another one."""
    assert service.cycles.probe.threshold == 13


def test_engine_gets_the_graces_that_are_set(service: Service) -> None:
    """The times to stop, to answer after a start and to be healthy after a patch are settings."""
    policy = service.use_cases.operations.answering.interpreter.executor.policy

    assert policy.stop_timeout == 19
    assert (policy.start_gate_timeout, policy.patch_gate_timeout) == (23.0, 29.0)


def test_engine_gets_the_sandbox_that_is_set(service: Service) -> None:
    """Maxima, directories in memory, disk limit and runtime are settings."""
    policy = service.use_cases.operations.answering.interpreter.executor.policy

    assert policy.max_limits == ResourceLimits(
        cpu_quota=43.5, memory_bytes=47 << 30, pids_limit=5300
    )
    assert (policy.scratch_bytes, policy.runtime) == (59 << 20, "runsc")
    assert policy.disk_limit == service.cycles.measure_disk_use.limit == 61 << 30


def test_container_that_belongs_to_no_operation_has_its_grace(service: Service) -> None:
    """The grace period for containers of no operation is fixed, not a setting."""
    assert service.cycles.reconcile.reconcile_game.grace == GRACE == 60.0


def test_requests_wait_as_is_set_and_jobs_for_five_minutes(service: Service) -> None:
    """A job's wait is not a setting, because nobody waits for its reply."""
    assert service.use_cases.operations.lease_wait == 31.0
    assert service.cycles.record_event.lease_wait == 31.0
    assert service.cycles.handle_job.lease_wait == 300.0


def test_engines_have_as_long_to_answer_and_leases_live_as_long_as_is_set(service: Service) -> None:
    """Probe timeout and lease TTL reach the adapters."""
    assert vars(adapter_in(service.cycles.probe.probe))["_timeout"] == 41.0
    assert vars(adapter_in(service.use_cases.operations.leases))["_ttl"] == 37


def test_redis_gets_its_user_its_password_and_its_certificates(service: Service) -> None:
    """The login and the files reach every connection."""
    redis = vars(adapter_in(service.use_cases.operations.leases))["_client"].commands
    given = redis.connection_pool.connection_kwargs

    assert (given["username"], given["password"]) == ("rtm", "for-redis")
    assert given["ssl_ca_certs"] == "/certs/redis-ca.pem"
    assert given["ssl_certfile"] == "/certs/redis-cert.pem"
    assert given["ssl_keyfile"] == "/certs/redis-key.pem"


def test_docker_gets_its_certificates(service: Service) -> None:
    """The directory reaches the client."""
    docker = vars(adapter_in(service.use_cases.operations.answering.interpreter.host))["_client"]

    assert vars(docker)["_certificates"] == Path("/certs/docker")


async def test_the_ways_to_the_servers_are_examined_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Docker's address, whether it is verified, and the private keys, before anything is sent."""
    warned: list[Transport] = []

    def note(transport: Transport) -> None:
        warned.append(transport)

    monkeypatch.setattr(Transport, "warn", note)
    connections = Connections.build(SETTINGS)

    with pytest.raises(ServiceUnavailable):
        await connections.dependencies[1].open()
    await connections.redis.close()

    keys = [Path("/certs/redis-key.pem"), Path("/certs/docker/key.pem")]
    assert warned == [Transport("tcp://127.0.0.1:1", is_docker_verified=True, private_keys=keys)]


def test_the_leader_and_the_pool_get_the_password_of_postgres(service: Service) -> None:
    """A password beside the DSN completes it everywhere."""
    leadership = vars(adapter_in(service.leader.leadership))["_conninfo"]
    pool = vars(adapter_in(service.use_cases.operations.records))["_pool"]

    assert "password=for-postgres" in leadership
    assert "password=for-postgres" in vars(pool)["_pool"].conninfo


def test_those_who_only_read_share_a_part_of_the_pool(service: Service) -> None:
    """A flood of them leaves the other connections to operations and workers."""
    cases = service.use_cases
    reading = (
        *(cases.read.records, cases.health.records, cases.health.stored, cases.overview.records),
        *(cases.overview.history, cases.log.history, cases.read_logs.records),
        *(cases.explain.history, cases.explain.health),
        *(cases.explain.observe.records, cases.explain.observe.journal),
    )
    parts = {id(vars(adapter_in(each))["_pool"]) for each in reading}
    whole = vars(adapter_in(cases.operations.records))["_pool"]
    lists = vars(adapter_in(cases.read.records))["_lists"]

    assert len(parts) == 1
    assert id(vars(lists)["_pool"]) in parts
    assert vars(adapter_in(cases.operations.journal))["_pool"] is whole
    assert vars(vars(adapter_in(reading[0]))["_pool"])["_pool"] is whole


def test_single_records_are_read_by_connections_of_their_own(service: Service) -> None:
    """A caller that asks for one never waits for a list; they are few, as they are shared."""
    records = vars(adapter_in(service.use_cases.read.records))
    operations = vars(adapter_in(service.use_cases.operations.records))

    assert records["_singles"] is not operations["_pool"]
    assert vars(records["_singles"])["_together"] is vars(operations["_pool"])["_together"]
    assert vars(records["_singles"])["_pool"].max_size == 2
    assert operations["_singles"] is operations["_pool"]


def test_nothing_secret_is_in_the_text_form_of_the_service(service: Service) -> None:
    """Whatever prints a part of the service, a traceback with values for instance, shows none."""
    text = f"{service!r} {Connections.build(SETTINGS)!r}"

    assert "for-redis" not in text
    assert "for-postgres" not in text


def test_images_that_may_run_are_checked_at_the_door_and_before_a_start(service: Service) -> None:
    """The rule refuses requests, the executor operations that began under another list."""
    operations = service.use_cases.operations

    assert [each.text for each in operations.answering.prepare_checks.allowed_images.patterns] == [
        "galaxy/*"
    ]
    assert (
        operations.answering.interpreter.executor.policy.allowed_images
        == operations.answering.prepare_checks.allowed_images
    )


def test_pulls_have_both_limits(service: Service) -> None:
    """The stall limit and the total limit reach Docker's client."""
    host = adapter_in(service.use_cases.operations.answering.interpreter.executor.host)
    client = vars(host)["_client"]

    assert (client.pull_stall, client.pull_timeout) == (43.0, 2820.0)


@pytest.mark.parametrize("platform", ["docker", "swarm"])
def test_only_the_state_root_of_a_swarm_has_a_marker(platform: str) -> None:
    """A single host proves nothing, the hosts of a Swarm must share their storage."""
    directories = Connections.build(SETTINGS.model_copy(update={"platform": platform})).directories

    assert (vars(directories)["_marker"] is not None) == (platform == "swarm")


def test_every_setting_is_used() -> None:
    """A setting that nothing reads would be set in vain."""
    assembling = [*(PACKAGE / "bootstrap").glob("*.py"), *(PACKAGE / "server").glob("*.py")]
    nodes = [node for path in assembling for node in ast.walk(ast.parse(path.read_text()))]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}

    assert set(Settings.model_fields) - used == set()
