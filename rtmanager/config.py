"""The settings of the service: one frozen object, built once from the environment."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from rtmanager import setting_kinds as kind
from rtmanager.setting_forms import Address, Form, FormError, Seconds

__all__ = ["PREFIX", "Address", "ConfigError", "Fault", "Seconds", "Settings", "ShownSetting"]

PREFIX = "RTMANAGER_"
TRACES_EXPORTERS = ("none", "otlp", "console")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the environment; it never repeats a value, which may be a secret."""

    variable: str
    problem: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.variable} {self.problem}; accepted: {self.accepted}"


class ConfigError(Exception):
    """The environment does not give valid settings."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(frozen=True)
class ShownSetting:
    """A setting as an operator may see it: written as in the environment, secrets masked."""

    variable: str
    value: str
    source: Literal["environment", "default"]
    description: str


def _setting(default: str | None, description: str) -> Any:
    """Declare a setting with its default as an operator would write it."""
    return Field(default=default, description=description)


def _required(description: str) -> Any:
    return Field(description=description)


class Settings(BaseModel):
    """Everything that can be set; each field is the variable of its name behind the prefix."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    internal_http_addr: kind.ListenAddress = _setting(":8096", "Where the REST API listens.")
    shutdown_timeout: kind.Duration = _setting("30s", "How long running work may take at shutdown.")
    log_level: kind.LogLevel = _setting("info", "Least severe log line that is written.")
    log_format: kind.LogFormat = _setting("json", "Log lines as JSON or for the eye.")

    postgres_primary_dsn: kind.PostgresDsn = _required("The Postgres database.")
    postgres_pool_size: kind.Count = _setting("10", "Most Postgres connections at a time.")

    redis_master_addr: kind.ServiceAddress = _required("The Redis server.")
    redis_password: kind.Secret | None = _setting(None, "Password of the Redis server.")
    redis_start_jobs_stream: kind.StreamName = _setting("runtime:start_jobs", "Start jobs, read.")
    redis_stop_jobs_stream: kind.StreamName = _setting("runtime:stop_jobs", "Stop jobs, read.")
    redis_job_results_stream: kind.StreamName = _setting(
        "runtime:job_results", "Job results, written."
    )
    redis_health_events_stream: kind.StreamName = _setting(
        "runtime:health_events", "Health events, written."
    )
    redis_notification_intents_stream: kind.StreamName = _setting(
        "notification:intents", "Notification intents, written."
    )
    redis_dead_jobs_stream: kind.StreamName = _setting(
        "runtime:dead_jobs", "Copies of jobs that could not be read, written."
    )
    redis_consumer_group: kind.StreamName = _setting(
        "runtime_manager", "Consumer group in which all replicas read jobs."
    )
    redis_stream_maxlen: kind.Count = _setting(
        "100000", "Entries that a stream keeps, approximately."
    )
    outbox_keep_sent: kind.Duration = _setting(
        "24h", "How long a message is kept in the database once it is sent."
    )
    job_concurrency: kind.Count = _setting("16", "Games whose jobs are carried out at once.")

    docker_host: kind.DockerHost = _setting("unix:///var/run/docker.sock", "The Docker engine.")
    docker_network: kind.NetworkName = _setting("galaxy-net", "Network of the engines; must exist.")
    docker_config_file: kind.Directory | None = _setting(
        None, "Docker config file with registry credentials."
    )
    docker_timeout: kind.PositiveDuration = _setting("10s", "Deadline of an ordinary Docker call.")
    docker_start_concurrency: kind.Count = _setting(
        str(os.cpu_count() or 1), "Containers started at once; by default the number of cores."
    )
    image_pull_policy: kind.PullPolicy = _setting("if_missing", "When an image is pulled.")
    pull_stall_timeout: kind.PositiveDuration = _setting(
        "60s", "How long a pull may make no progress before it fails."
    )

    default_cpu_quota: kind.CpuQuota = _setting("1.0", "CPUs of an engine whose image sets none.")
    default_memory: kind.Memory = _setting("512m", "Memory of an engine whose image sets none.")
    default_pids_limit: kind.Count = _setting(
        "512", "Processes of an engine whose image sets none."
    )
    read_only_root_filesystem: kind.Switch = _setting(
        "false", "Whether engines write to mounts only."
    )
    container_stop_timeout_seconds: kind.WholeNumber = _setting(
        "30", "Seconds between asking an engine to stop and killing it."
    )
    container_retention_days: kind.Count = _setting(
        "30", "Days after which the container of a stopped game is removed."
    )

    game_state_root: kind.Directory = _required("Directory that holds each game's state directory.")
    game_state_dir_mode: kind.DirectoryMode = _setting("0750", "Mode of a game's state directory.")
    game_state_owner_uid: kind.OwnerId | None = _setting(
        None, "Owner of state directories; by default the image's user."
    )
    game_state_owner_gid: kind.OwnerId | None = _setting(
        None, "Group of state directories; by default the image's group."
    )
    engine_state_mount_path: kind.Directory = _setting(
        "/var/lib/galaxy-game", "Where an engine finds its state directory."
    )
    engine_state_env_name: kind.VariableName = _setting(
        "GAME_STATE_PATH", "Variable that tells an engine where its state is."
    )

    start_gate_timeout: kind.Duration = _setting(
        "5s", "How long a start waits for the first healthy answer; 0 looks once."
    )
    patch_gate_timeout: kind.Duration = _setting(
        "30s", "How long a patched engine may take to be healthy; 0 turns the gate off."
    )
    game_lease_ttl_seconds: kind.Count = _setting(
        "60", "Life of a game's lease, renewed while held."
    )
    game_lease_wait: kind.Duration = _setting("5s", "How long a request waits for a game's lease.")

    probe_interval: kind.PositiveDuration = _setting(
        "15s", "Time between two probes of the engines."
    )
    probe_timeout: kind.PositiveDuration = _setting("2s", "How long an engine may take to answer.")
    probe_failures_threshold: kind.Count = _setting(
        "3", "Misses in a row that make a failed probe."
    )
    inspect_interval: kind.PositiveDuration = _setting(
        "30s", "Time between two container inspections."
    )
    reconcile_interval: kind.PositiveDuration = _setting("60s", "Time between two reconciliations.")
    cleanup_interval: kind.PositiveDuration = _setting(
        "1h", "Time between two looks for old containers."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Build the settings from variables, or raise `ConfigError` with every fault found."""
        ours = {
            name: value.strip()
            for name, value in environment.items()
            if name.startswith(PREFIX) and value.strip()
        }
        given = {
            name: ours[_variable(name)] for name in cls.model_fields if _variable(name) in ours
        }
        faults = [*_unknown(ours), *_half_an_owner(given), *_unknown_exporter(environment)]
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            faults = [*(_fault(detail) for detail in error.errors()), *faults]
        if faults:
            raise ConfigError(tuple(faults))
        return settings

    def shown(self) -> Iterator[ShownSetting]:
        """Yield every setting as an operator may see it."""
        for name, value in self.model_dump().items():
            yield ShownSetting(
                variable=_variable(name),
                value="" if value is None else value,
                source="environment" if name in self.model_fields_set else "default",
                description=type(self).model_fields[name].description or "",
            )


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _fault(detail: ErrorDetails) -> Fault:
    """Turn one fault of the model into ours: a value is either missing or not in its form."""
    field = str(detail["loc"][0])
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, FormError):
        return Fault(_variable(field), str(error), error.accepted)
    forms = (form for form in Settings.model_fields[field].metadata if isinstance(form, Form))
    return Fault(_variable(field), "is required but not set", next(forms).accepted)


def _unknown(given: Mapping[str, str]) -> Iterator[Fault]:
    """Find variables that carry our prefix and mean nothing, most likely typing errors."""
    known = [_variable(field) for field in Settings.model_fields]
    for name in sorted(given.keys() - set(known)):
        close = get_close_matches(name.upper(), known, n=1)
        yield Fault(
            name, "is not a setting", close[0] if close else f"{PREFIX}LOG_LEVEL and others"
        )


def _half_an_owner(given: Mapping[str, str]) -> Iterator[Fault]:
    """Find an owner without its group or the reverse: one alone would be guesswork."""
    pair = ("game_state_owner_uid", "game_state_owner_gid")
    missing = [name for name in pair if name not in given]
    if len(missing) == 1:
        yield Fault(_variable(missing[0]), "is not set, but its counterpart is", "both or neither")


def _unknown_exporter(environment: Mapping[str, str]) -> Iterator[Fault]:
    """Find exporters of traces that are not built in; OpenTelemetry reads its other variables."""
    chosen = environment.get("OTEL_TRACES_EXPORTER", "").lower().split(",")
    if not {name.strip() for name in chosen} <= {"", *TRACES_EXPORTERS}:
        accepted = f"{', '.join(TRACES_EXPORTERS)}, several separated by commas"
        yield Fault("OTEL_TRACES_EXPORTER", "names no known exporter", accepted)
