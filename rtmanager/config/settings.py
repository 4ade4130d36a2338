"""The settings of the service: one frozen object, built from a mapping of variables."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from rtmanager.config import formats as kind
from rtmanager.config.contradictions import contradictions, halves
from rtmanager.config.faults import PREFIX, ConfigError, library_faults, unknown_exporter
from rtmanager.config.secret_files import SUFFIX, is_secret, read_secret_files


@dataclass(frozen=True)
class ShownSetting:
    """A setting shown to an operator: written as in the environment, secrets masked."""

    variable: str
    value: str
    source: Literal["environment", "file", "default"]
    description: str


def _setting(default: str | None, description: str) -> Any:
    """Declare a setting with its default in the operator's format."""
    return Field(default=default, description=description)


def _required(description: str) -> Any:
    return Field(description=description)


def _variable(field: str) -> str:
    return PREFIX + field.upper()


class Settings(BaseModel):
    """All settings; each field is the variable of its name with the prefix."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_variable),
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    internal_http_addr: kind.ListenAddress = _setting(":8096", "Where the REST API listens.")
    shutdown_timeout: kind.Duration = _setting("30s", "How long running work may take at shutdown.")
    drain_delay: kind.Duration = _setting(
        "0", "How long the service answers as not ready before it stops listening."
    )
    request_timeout: kind.PositiveDuration = _setting(
        "10s", "How long a caller may take to send a complete request."
    )
    max_connections: kind.Count = _setting("1000", "Maximum number of connections to the REST API.")
    allowed_hosts: kind.HostNames = _setting(
        "", "Host names, besides IP addresses and names without dots, of this service."
    )
    trusted_origins: kind.Origins = _setting(
        "", "Origins of web pages that may change something, besides the service's own."
    )
    api_tokens_file: kind.File | None = _setting(
        None, "File with the callers' hashed tokens; without it no token is needed."
    )
    refuse_engine_connections: kind.Switch = _setting(
        "true", "Whether connections from engine containers are closed."
    )
    log_level: kind.LogLevel = _setting("info", "Minimum severity of log lines that are written.")
    log_format: kind.LogFormat = _setting("json", "Log lines as JSON or human-readable.")

    postgres_primary_dsn: kind.PostgresDsn = _required("The Postgres database.")
    postgres_password: kind.Secret | None = _setting(
        None, "Password of the Postgres user, if the DSN contains none."
    )
    postgres_pool_size: kind.Count = _setting(
        "10", "Maximum number of Postgres connections in the pool; there are up to five besides."
    )

    redis_master_addr: kind.ServiceAddress = _required("The Redis server.")
    redis_username: kind.UserName | None = _setting(
        None, "User of the Redis server; by default the server's own default user."
    )
    redis_password: kind.Secret | None = _setting(None, "Password of the Redis server.")
    redis_tls: kind.Switch = _setting("false", "Whether connections to Redis are encrypted.")
    redis_tls_ca_file: kind.File | None = _setting(
        None, "Certificates of who may have signed the Redis server's; by default the machine's."
    )
    redis_tls_cert_file: kind.File | None = _setting(
        None, "Certificate with which the service identifies itself to Redis."
    )
    redis_tls_key_file: kind.File | None = _setting(None, "Private key of that certificate.")
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
        "runtime:dead_jobs", "Copies of malformed jobs, written."
    )
    redis_consumer_group: kind.StreamName = _setting(
        "runtime_manager", "Consumer group in which all replicas read jobs."
    )
    redis_stream_maxlen: kind.Count = _setting(
        "100000", "Approximate number of entries that a stream keeps."
    )
    outbox_keep_sent: kind.Duration = _setting(
        "24h", "How long a sent message is kept in the database."
    )
    job_concurrency: kind.Count = _setting("16", "Number of games whose jobs run at the same time.")

    platform: kind.Platform = _setting(
        "docker", "What runs the engines: one Docker host, or a Swarm of them."
    )
    docker_host: kind.DockerHosts = _setting(
        "unix:///var/run/docker.sock", "The Docker daemon; of a Swarm, one or more managers."
    )
    docker_cert_path: kind.Directory | None = _setting(
        None, "Directory with ca.pem, cert.pem and key.pem for a Docker daemon over TCP."
    )
    docker_network: kind.NetworkName = _setting("galaxy-net", "Network of the engines; must exist.")
    docker_config_file: kind.Directory | None = _setting(
        None, "Docker config file with registry credentials."
    )
    docker_timeout: kind.PositiveDuration = _setting("10s", "Deadline of an ordinary Docker call.")
    docker_start_concurrency: kind.Count = _setting(
        str(min(32, 4 * (os.cpu_count() or 1))),
        "Containers started at the same time; by default four per core, at most 32.",
    )
    docker_runtime: kind.RuntimeName | None = _setting(
        None, "Docker runtime of the engines, such as runsc or kata; by default the daemon's."
    )
    swarm_constraints: kind.Constraints = _setting(
        "", "Placement constraints of all engines, such as node.labels.games==yes."
    )
    swarm_spread_over: kind.NodeLabels = _setting(
        "", "Node labels over whose values engines are spread, such as node.labels.rack."
    )
    swarm_reserved_cpu: kind.Share = _setting(
        "0.1", "Share of an engine's CPU limit that is reserved for it on its node."
    )
    swarm_reserved_memory: kind.Share = _setting(
        "1.0", "Share of an engine's memory limit that is reserved for it on its node."
    )
    fence_command: kind.Command | None = _setting(
        None, "Command that is run with a lost node's name and id; exit code 0 means it is off."
    )
    fence_timeout: kind.PositiveDuration = _setting(
        "30s", "How long the fence command may take before its answer no longer counts."
    )
    node_interval: kind.PositiveDuration = _setting(
        "5s", "Time between two looks at the nodes of a Swarm."
    )
    node_concurrency: kind.Count = _setting(
        "8", "Games moved at the same time when a node is drained or lost."
    )

    allowed_images: kind.ImagePatterns = _setting(
        "", "Patterns of the images that may run; empty means all."
    )
    image_pull_policy: kind.PullPolicy = _setting("if_missing", "When an image is pulled.")
    pull_stall_timeout: kind.PositiveDuration = _setting(
        "60s", "How long a pull may make no progress before it fails."
    )
    pull_timeout: kind.PositiveDuration = _setting("30m", "How long a pull may take in total.")

    default_cpu_quota: kind.CpuQuota = _setting(
        "1.0", "CPUs of an engine whose image sets no limit."
    )
    default_memory: kind.Memory = _setting("512m", "Memory of an engine whose image sets no limit.")
    default_pids_limit: kind.Count = _setting(
        "512", "Processes of an engine whose image sets no limit."
    )
    max_cpu_quota: kind.CpuQuota = _setting("4.0", "Most CPUs that an image's label may ask for.")
    max_memory: kind.Memory = _setting("8g", "Most memory that an image's label may ask for.")
    max_pids_limit: kind.Count = _setting(
        "4096", "Most processes that an image's label may ask for."
    )
    engine_tmp_size: kind.Memory = _setting(
        "64m",
        "Size of an engine's volumes, and of /tmp if the root is read-only, which lie in memory.",
    )
    engine_disk_limit: kind.Memory = _setting(
        "10g", "What an engine may write to its container and to its state directory."
    )
    read_only_root_filesystem: kind.Switch = _setting(
        "false", "Whether engines can write only to mounts."
    )
    container_stop_timeout_seconds: kind.WholeNumber = _setting(
        "30", "Seconds between asking an engine to stop and killing it."
    )
    container_retention_days: kind.Days = _setting(
        "30", "Days after which a stopped game's container is removed."
    )

    game_state_root: kind.Directory = _required(
        "Directory that contains each game's state directory."
    )
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
        "GAME_STATE_PATH", "Variable in which an engine finds the path of its state directory."
    )

    start_gate_timeout: kind.Duration = _setting(
        "5s", "How long a start waits for the first healthy answer; 0 checks once."
    )
    patch_gate_timeout: kind.Duration = _setting(
        "30s", "How long a patched engine may take to become healthy; 0 turns the gate off."
    )
    game_lease_ttl_seconds: kind.Count = _setting(
        "60", "Lifetime of a game's lease, which is renewed while it is held."
    )
    game_lease_wait: kind.Duration = _setting("5s", "How long a request waits for a game's lease.")

    probe_interval: kind.PositiveDuration = _setting(
        "15s", "Time between two probes of the engines."
    )
    probe_timeout: kind.PositiveDuration = _setting("2s", "How long an engine may take to answer.")
    probe_failures_threshold: kind.Count = _setting(
        "3", "Number of consecutive misses that count as a failed probe."
    )
    inspect_interval: kind.PositiveDuration = _setting(
        "30s", "Time between two container inspections."
    )
    reconcile_interval: kind.PositiveDuration = _setting("60s", "Time between two reconciliations.")
    cleanup_interval: kind.PositiveDuration = _setting(
        "1h", "Time between two searches for old containers."
    )

    operation_log_days: kind.Days = _setting(
        "365", "Days after which an operation leaves the log; the last ones of a game stay."
    )

    _from_files: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Build the settings from variables, or raise `ConfigError` with every fault found."""
        variables = {
            name: value.strip()
            for name, value in environment.items()
            if name.startswith(PREFIX) and value.strip()
        }
        files = read_secret_files(variables, cls._secrets())
        for secret in (*files.values, *files.faults):
            del variables[secret + SUFFIX]
        faults = [*files.faults.values(), *unknown_exporter(environment), *halves(variables)]
        try:
            settings = cls.model_validate(variables | files.values)
        except ValidationError as error:
            fields = {_variable(name): field for name, field in cls.model_fields.items()}
            found = library_faults(error, fields)
            faults = [*(each for each in found if each.variable not in files.faults), *faults]
        else:
            settings._from_files = frozenset(files.values)  # noqa: SLF001 - our own
            faults = [*contradictions(settings), *faults]
        if faults:
            raise ConfigError(tuple(faults))
        return settings

    @classmethod
    def _secrets(cls) -> list[str]:
        """Return the variables that contain a secret."""
        fields = cls.model_fields.items()
        return [_variable(name) for name, field in fields if is_secret(field)]

    def shown(self) -> Iterator[ShownSetting]:
        """Yield every setting in the form shown to an operator."""
        for name, value in self.model_dump(mode="json").items():
            yield ShownSetting(
                variable=_variable(name),
                value=_as_written(value),
                source=self._source(name),
                description=type(self).model_fields[name].description or "",
            )

    def is_from_file(self, name: str) -> bool:
        """Return whether a secret was read from a file."""
        return _variable(name) in self._from_files

    def _source(self, name: str) -> Literal["environment", "file", "default"]:
        if self.is_from_file(name):
            return "file"
        return "environment" if name in self.model_fields_set else "default"


def _as_written(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
