import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from traceback import format_exception

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from rtmanager.adapters.postgres.conninfo import service_conninfo
from rtmanager.config import Address, ConfigError, Settings

REQUIRED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm:hunter2@db:5432/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}

DEFAULTS = {
    "internal_http_addr": Address("", 8096),
    "shutdown_timeout": 30,
    "drain_delay": 0,
    "request_timeout": 10,
    "max_connections": 1000,
    "allowed_hosts": (),
    "trusted_origins": (),
    "api_tokens_file": None,
    "refuse_engine_connections": True,
    "log_level": "info",
    "log_format": "json",
    "postgres_password": None,
    "postgres_pool_size": 10,
    "redis_username": None,
    "redis_password": None,
    "redis_tls": False,
    "redis_tls_ca_file": None,
    "redis_tls_cert_file": None,
    "redis_tls_key_file": None,
    "redis_start_jobs_stream": "runtime:start_jobs",
    "redis_stop_jobs_stream": "runtime:stop_jobs",
    "redis_job_results_stream": "runtime:job_results",
    "redis_health_events_stream": "runtime:health_events",
    "redis_notification_intents_stream": "notification:intents",
    "redis_dead_jobs_stream": "runtime:dead_jobs",
    "redis_consumer_group": "runtime_manager",
    "redis_stream_maxlen": 100_000,
    "outbox_keep_sent": 24 * 3600,
    "job_concurrency": 16,
    "platform": "docker",
    "docker_host": "unix:///var/run/docker.sock",
    "docker_cert_path": None,
    "docker_network": "galaxy-net",
    "docker_config_file": None,
    "docker_timeout": 10,
    "docker_start_concurrency": min(32, 4 * (os.cpu_count() or 1)),
    "docker_runtime": None,
    "swarm_constraints": (),
    "swarm_spread_over": (),
    "swarm_reserved_cpu": 0.1,
    "swarm_reserved_memory": 1.0,
    "fence_command": None,
    "fence_timeout": 30,
    "node_interval": 5,
    "node_concurrency": 8,
    "allowed_images": (),
    "image_pull_policy": "if_missing",
    "pull_stall_timeout": 60,
    "pull_timeout": 1800,
    "default_cpu_quota": 1.0,
    "default_memory": 512 * 1024 * 1024,
    "default_pids_limit": 512,
    "max_cpu_quota": 4.0,
    "max_memory": 8 << 30,
    "max_pids_limit": 4096,
    "engine_tmp_size": 64 << 20,
    "engine_disk_limit": 10 << 30,
    "read_only_root_filesystem": False,
    "container_stop_timeout_seconds": 30,
    "container_retention_days": 30,
    "game_state_dir_mode": 0o750,
    "game_state_owner_uid": None,
    "game_state_owner_gid": None,
    "engine_state_mount_path": Path("/var/lib/galaxy-game"),
    "engine_state_env_name": "GAME_STATE_PATH",
    "start_gate_timeout": 5,
    "patch_gate_timeout": 30,
    "game_lease_ttl_seconds": 60,
    "game_lease_wait": 5,
    "probe_interval": 15,
    "probe_timeout": 2,
    "probe_failures_threshold": 3,
    "inspect_interval": 30,
    "reconcile_interval": 60,
    "cleanup_interval": 3600,
    "operation_log_days": 365,
}

SECRETS = {"postgres_password", "redis_password"}
"""The settings that have no format: whatever is set is valid."""

WRONG = {
    "RTMANAGER_PLATFORM": ["kubernetes", "docker,swarm"],
    "RTMANAGER_SWARM_CONSTRAINTS": ["node.labels.games", "node.id=1", ","],
    "RTMANAGER_SWARM_SPREAD_OVER": ["rack", "node.id"],
    "RTMANAGER_SWARM_RESERVED_CPU": ["1.1", "-0.1", "10%"],
    "RTMANAGER_FENCE_COMMAND": ["ipmi off", "'/usr/bin/ipmi"],
    "RTMANAGER_INTERNAL_HTTP_ADDR": ["8096", ":65536", ":", "http://:80", "a b:1", "::1:80"],
    "RTMANAGER_SHUTDOWN_TIMEOUT": [
        "30",
        "-1s",
        "1d",
        "1m30s",
        "s",
        "1e3s",
        "nan",
        "٣s",
        "5 s",
        "8761h",
    ],
    "RTMANAGER_DRAIN_DELAY": ["5"],
    "RTMANAGER_REQUEST_TIMEOUT": ["0"],
    "RTMANAGER_MAX_CONNECTIONS": ["0"],
    "RTMANAGER_ALLOWED_HOSTS": ["http://a.example", "a.example:80", "a b", "*", ","],
    "RTMANAGER_TRUSTED_ORIGINS": ["ops.example.org", "https://ops.example.org/", "*", ","],
    "RTMANAGER_API_TOKENS_FILE": ["tokens"],
    "RTMANAGER_REFUSE_ENGINE_CONNECTIONS": ["maybe"],
    "RTMANAGER_DOCKER_RUNTIME": ["a b"],
    "RTMANAGER_ALLOWED_IMAGES": ["galaxy/game?", "a b", ",", " , ,"],
    "RTMANAGER_PULL_TIMEOUT": ["0"],
    "RTMANAGER_MAX_MEMORY": ["lots"],
    "RTMANAGER_CONTAINER_RETENTION_DAYS": ["0", "36501", "1000000", "30d"],
    "RTMANAGER_OPERATION_LOG_DAYS": ["0", "36501", "1000000000"],
    "RTMANAGER_LOG_LEVEL": ["loud"],
    "RTMANAGER_LOG_FORMAT": ["xml"],
    "RTMANAGER_POSTGRES_PRIMARY_DSN": ["db", "mysql://a@b/c", "postgres://[", "host=a bad=b"],
    "RTMANAGER_POSTGRES_POOL_SIZE": ["0", "ten", "1.5", "-1", "9" * 30],
    "RTMANAGER_REDIS_MASTER_ADDR": ["redis", ":6379", "redis://redis:6379", "redis:0", "a:b:1"],
    "RTMANAGER_REDIS_USERNAME": ["two words"],
    "RTMANAGER_REDIS_TLS": ["maybe"],
    "RTMANAGER_REDIS_TLS_CA_FILE": ["ca.pem"],
    "RTMANAGER_DOCKER_CERT_PATH": ["certs"],
    "RTMANAGER_REDIS_DEAD_JOBS_STREAM": ["two words"],
    "RTMANAGER_REDIS_CONSUMER_GROUP": ["two words"],
    "RTMANAGER_REDIS_STREAM_MAXLEN": ["0", "all"],
    "RTMANAGER_OUTBOX_KEEP_SENT": ["1d", "24"],
    "RTMANAGER_JOB_CONCURRENCY": ["0", "-1", "1_0", "10.0", "+5"],
    "RTMANAGER_DOCKER_HOST": ["/var/run/docker.sock", "unix://x", "ssh://a@b", "tcp://host"],
    "RTMANAGER_DOCKER_NETWORK": ["-net", "bridge", "host", "none", "a/b"],
    "RTMANAGER_DOCKER_CONFIG_FILE": ["config.json"],
    "RTMANAGER_DOCKER_TIMEOUT": ["0", "0s", "0.0ms"],
    "RTMANAGER_IMAGE_PULL_POLICY": ["sometimes"],
    "RTMANAGER_DEFAULT_CPU_QUOTA": ["0", "0.001", "one", "inf", "-1", "1_0", "1e3"],
    "RTMANAGER_DEFAULT_MEMORY": ["5m", "0", "512x", "1.5g", "-1"],
    "RTMANAGER_READ_ONLY_ROOT_FILESYSTEM": ["maybe"],
    "RTMANAGER_GAME_STATE_ROOT": ["games", "/", "/srv/../etc", "/srv/\x00"],
    "RTMANAGER_GAME_STATE_DIR_MODE": ["0850", "rwx", "50", "0077", "77777"],
    "RTMANAGER_ENGINE_STATE_ENV_NAME": ["A-B", "1A", "A=B"],
}


def faults_of(**variables: str) -> dict[str, str]:
    """Return the faults of an otherwise valid environment, by variable."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(REQUIRED | variables)
    return {fault.variable: str(fault) for fault in caught.value.faults}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_a_setting_that_is_not_set_has_its_documented_default(name: str, value: object) -> None:
    """An unset setting has its documented default."""
    settings = Settings.from_environment(REQUIRED)

    assert getattr(settings, name) == value


def test_every_setting_has_a_default_or_is_required() -> None:
    """These tests list every setting."""
    required = {name.removeprefix("RTMANAGER_").lower() for name in REQUIRED}

    assert set(Settings.model_fields) == set(DEFAULTS) | required


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_setting_that_is_missing_is_a_fault(name: str) -> None:
    """A missing required setting is named together with the accepted form."""
    faults = faults_of(**{name: ""})

    assert list(faults) == [name]
    assert "required but not set; accepted: " in faults[name]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_value_in_the_wrong_form_is_a_fault(name: str, value: str) -> None:
    """An invalid value is a fault of exactly that variable."""
    faults = faults_of(**{name: value})

    assert list(faults) == [name]
    assert "; accepted: " in faults[name]


@pytest.mark.parametrize("name", ["OPERATION_LOG_DAYS", "CONTAINER_RETENTION_DAYS"])
def test_most_days_that_are_accepted_ago_there_was_a_date(name: str) -> None:
    """A cycle subtracts them from now; before the year 1 that fails in every round."""
    settings = Settings.from_environment(REQUIRED | {f"RTMANAGER_{name}": "36500"})

    assert datetime.now(UTC) - timedelta(days=getattr(settings, name.lower())) < datetime.now(UTC)


def test_all_faults_are_reported_at_once() -> None:
    """Missing, malformed, half-set and unknown variables are reported together."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(
            {
                "RTMANAGER_REDIS_MASTER_ADDR": "redis",
                "RTMANAGER_PROBE_INTERVAL": "often",
                "RTMANAGER_GAME_STATE_OWNER_UID": "1000",
                "RTMANAGER_PROBE_INTERVALL": "15s",
                "OTEL_TRACES_EXPORTER": "jaeger",
                "OTEL_METRICS_EXPORTER": "otlp,statsd",
            }
        )

    assert {fault.variable for fault in caught.value.faults} == {
        "RTMANAGER_POSTGRES_PRIMARY_DSN",
        "RTMANAGER_REDIS_MASTER_ADDR",
        "RTMANAGER_GAME_STATE_ROOT",
        "RTMANAGER_PROBE_INTERVAL",
        "RTMANAGER_GAME_STATE_OWNER_GID",
        "RTMANAGER_PROBE_INTERVALL",
        "OTEL_TRACES_EXPORTER",
        "OTEL_METRICS_EXPORTER",
    }


def test_an_unknown_variable_is_a_fault_that_suggests_the_closest_name() -> None:
    """An unknown variable with our prefix is most likely a typing error."""
    faults = faults_of(RTMANAGER_DOCKER_NETWROK="galaxy-net")

    assert faults == {
        "RTMANAGER_DOCKER_NETWROK": (
            "RTMANAGER_DOCKER_NETWROK is not a setting; accepted: RTMANAGER_DOCKER_NETWORK"
        )
    }


@pytest.mark.parametrize("name", ["FOO", "LOG", "TIMEOUT", "HTTP_PROXY"])
def test_an_unknown_variable_like_no_setting_suggests_none(name: str) -> None:
    """All names begin alike, which makes no two of them similar."""
    (fault,) = faults_of(**{f"RTMANAGER_{name}": "1"}).values()

    assert fault == (
        f"RTMANAGER_{name} is not a setting; accepted: the settings that "
        "`rtmanager check-config` shows once this one is unset"
    )


def test_a_lower_case_variable_is_not_a_setting() -> None:
    """Variables are upper case, so that no two can set the same setting."""
    faults = faults_of(RTMANAGER_log_level="debug")

    assert list(faults) == ["RTMANAGER_log_level"]


@pytest.mark.parametrize("given", ["UID", "GID"])
def test_an_owner_without_its_group_or_the_reverse_is_a_fault(given: str) -> None:
    """The owner of state directories is set with its group or not at all."""
    missing = {"UID": "GID", "GID": "UID"}[given]

    faults = faults_of(**{f"RTMANAGER_GAME_STATE_OWNER_{given}": "1000"})

    assert list(faults) == [f"RTMANAGER_GAME_STATE_OWNER_{missing}"]


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - SECRETS))
def test_no_fault_repeats_the_value_that_was_set(name: str) -> None:
    """A fault never repeats a value, for it may be a secret in the wrong variable."""
    wrong_for_every_form = "pass word://hunter2@"

    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(REQUIRED | {f"RTMANAGER_{name.upper()}": wrong_for_every_form})

    assert "hunter2" not in "".join(format_exception(caught.value)) + repr(caught.value.faults)


def test_variables_without_our_prefix_are_ignored() -> None:
    """Variables without our prefix are neither read nor validated."""
    assert Settings.from_environment(REQUIRED | {"PATH": "/bin"}) == Settings.from_environment(
        REQUIRED
    )


def test_the_environment_of_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the given mapping is read, never the process's environment."""
    monkeypatch.setenv("RTMANAGER_LOG_LEVEL", "debug")
    monkeypatch.setenv("RTMANAGER_LOG_LEVELL", "debug")

    assert Settings.from_environment(REQUIRED).log_level == "info"


def test_an_empty_variable_counts_as_not_set() -> None:
    """An empty variable means the default, because compose files may leave one empty."""
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_LOG_LEVEL": " "})

    assert settings.log_level == "info"
    assert "log_level" not in settings.model_fields_set


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("INTERNAL_HTTP_ADDR", "[::1]:80", Address("::1", 80)),
        ("INTERNAL_HTTP_ADDR", "127.0.0.1:0", Address("127.0.0.1", 0)),
        ("REDIS_MASTER_ADDR", "redis-1.local:6380", Address("redis-1.local", 6380)),
        ("DOCKER_HOST", "tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
        ("DEFAULT_MEMORY", "1GB", 1 << 30),
        ("DEFAULT_MEMORY", "6291456", 6 << 20),
        ("DEFAULT_CPU_QUOTA", "0.25", 0.25),
        ("GAME_STATE_DIR_MODE", "2770", 0o2770),
        ("GAME_STATE_DIR_MODE", "700", 0o700),
        ("PATCH_GATE_TIMEOUT", "0", 0),
        ("CONTAINER_STOP_TIMEOUT_SECONDS", "0", 0),
        ("READ_ONLY_ROOT_FILESYSTEM", "TRUE", True),
        ("IMAGE_PULL_POLICY", "Always", "always"),
        ("DOCKER_CONFIG_FILE", "/root/.docker/config.json", Path("/root/.docker/config.json")),
    ],
)
def test_a_value_is_read_in_its_form(variable: str, text: str, value: object) -> None:
    """A valid value is converted to its type."""
    settings = Settings.from_environment(REQUIRED | {f"RTMANAGER_{variable}": text})

    assert getattr(settings, variable.lower()) == value


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://rtm@db/galaxy?password=hunter2",
        "postgresql://rtm:hunter2@db1:5432,db2:5432/galaxy",
        "host=db dbname=galaxy user=rtm password=hunter2",
        "host=db dbname=galaxy user=rtm password='hunter2 or more'",
    ],
)
def test_a_dsn_is_shown_without_its_password(dsn: str) -> None:
    """Whatever the DSN's form, its password is masked and its host is not."""
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_POSTGRES_PRIMARY_DSN": dsn})
    shown = {setting.variable: setting.value for setting in settings.shown()}

    assert settings.postgres_primary_dsn.get_secret_value() == dsn
    assert "hunter2" not in shown["RTMANAGER_POSTGRES_PRIMARY_DSN"]
    assert "password=********" in shown["RTMANAGER_POSTGRES_PRIMARY_DSN"]
    assert "host=db" in shown["RTMANAGER_POSTGRES_PRIMARY_DSN"]


@pytest.mark.parametrize(
    ("query", "options", "name"),
    [
        ("search_path=games", "-c search_path=games", "rtmanager"),
        ("search_path=a,%20b", "-c search_path=a,\\ b", "rtmanager"),
        (
            "search_path=games&options=-c%20work_mem%3D1MB&application_name=my%20app",
            "-c work_mem=1MB -c search_path=games",
            "my app",
        ),
    ],
)
def test_the_search_path_of_a_url_is_given_to_libpq_as_an_option(
    query: str, options: str, name: str
) -> None:
    """Other drivers know `search_path` in a URL, libpq refuses it; the other values stay."""
    dsn = f"postgres://rtm:hunter2@db/galaxy?sslmode=disable&{query}"
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_POSTGRES_PRIMARY_DSN": dsn})
    shown = {setting.variable: setting.value for setting in settings.shown()}

    parameters = conninfo_to_dict(
        service_conninfo(settings.postgres_primary_dsn.get_secret_value())
    )
    assert str(parameters["options"]).endswith(options)
    assert (parameters["password"], parameters["sslmode"]) == ("hunter2", "disable")
    assert parameters["application_name"] == name
    assert "hunter2" not in shown["RTMANAGER_POSTGRES_PRIMARY_DSN"]


def test_no_secret_appears_in_any_text_form_of_the_settings() -> None:
    """No secret appears in repr, str, the dump or the displayed settings."""
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_REDIS_PASSWORD": "hunter2"})
    dumps = [settings.model_dump(), settings.model_dump_json(), list(settings.shown())]

    assert "hunter2" not in f"{settings!r} {settings} {dumps}"


def test_what_is_shown_can_be_set_again() -> None:
    """Every displayed value except the masked ones can be used in the environment."""
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_GAME_LEASE_WAIT": "1500ms"})
    shown = {setting.variable: setting.value for setting in settings.shown()}

    again = Settings.from_environment(
        shown | {"RTMANAGER_POSTGRES_PRIMARY_DSN": settings.postgres_primary_dsn.get_secret_value()}
    )

    assert again == settings


def test_what_is_shown_names_its_source() -> None:
    """Each displayed setting says whether it comes from the environment or the default."""
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_LOG_LEVEL": "info"})
    sources = {setting.variable: setting.source for setting in settings.shown()}

    assert sources["RTMANAGER_LOG_LEVEL"] == "environment"
    assert sources["RTMANAGER_LOG_FORMAT"] == "default"


def test_every_setting_is_described() -> None:
    """Each setting has a sentence that explains it."""
    settings = Settings.from_environment(REQUIRED)

    assert all(setting.description.endswith(".") for setting in settings.shown())


def test_settings_cannot_be_changed() -> None:
    """Settings are frozen once built."""
    settings = Settings.from_environment(REQUIRED)

    with pytest.raises(ValidationError, match="frozen"):
        settings.log_level = "debug"


@pytest.mark.parametrize(
    ("limit", "default"), [("CPU_QUOTA", "5"), ("MEMORY", "9g"), ("PIDS_LIMIT", "5000")]
)
def test_a_default_limit_above_the_maximum_is_refused(limit: str, default: str) -> None:
    """An image without a label may not get more than one with a label."""
    variable = f"RTMANAGER_DEFAULT_{limit}"

    faults = faults_of(**{variable: default})

    assert faults == {variable: f"{variable} is too large; accepted: at most RTMANAGER_MAX_{limit}"}


def test_a_list_is_separated_by_commas() -> None:
    """Spaces and empty entries do not matter."""
    settings = Settings.from_environment(
        REQUIRED | {"RTMANAGER_ALLOWED_HOSTS": " RTM.example.org, b.example ,"}
    )

    assert settings.allowed_hosts == ("rtm.example.org", "b.example")


@pytest.mark.parametrize(
    ("name", "entries", "problem"),
    [
        ("ALLOWED_HOSTS", "a.example,http://b.example", "entry 2 is not a host name"),
        ("TRUSTED_ORIGINS", "https://a.example, b.example", "entry 2 is not an origin"),
        ("ALLOWED_IMAGES", "galaxy/*,,hunter2?", "entry 2 is not a pattern of image names"),
        ("ALLOWED_IMAGES", "galaxy/**", "entry 1 has **; one * as the last part"),
        ("ALLOWED_IMAGES", "busybox,*.test/game", "entry 2 has a * in the registry's host"),
    ],
)
def test_the_wrong_entry_of_a_list_is_named_by_its_number(
    name: str, entries: str, problem: str
) -> None:
    """An entry may be long, or a secret in the wrong variable: it is not repeated."""
    fault = faults_of(**{f"RTMANAGER_{name}": entries})[f"RTMANAGER_{name}"]

    assert fault.startswith(f"RTMANAGER_{name} is wrong: {problem}")
    assert entries.rpartition(",")[2].strip() not in fault.partition("; accepted: ")[0]


def test_patterns_of_images_are_explained_with_a_tag_and_a_digest() -> None:
    """The message shows each form."""
    fault = faults_of(RTMANAGER_ALLOWED_IMAGES="?")["RTMANAGER_ALLOWED_IMAGES"]

    for form in ("registry.example.org/galaxy/*", ":1.4.*", "@sha256:"):
        assert form in fault


def test_a_runtime_of_docker_is_explained() -> None:
    """The message says how it is written, and where the runtimes are found."""
    fault = faults_of(RTMANAGER_DOCKER_RUNTIME="a b")["RTMANAGER_DOCKER_RUNTIME"]

    assert "such as runsc" in fault
    assert "`docker info`" in fault
