"""Converting settings to the policies of the domain and the layout of the streams."""

from datetime import timedelta

from rtmanager.adapters.redis.streams import StreamLayout
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.bootstrap.cycles import CyclePolicy
from rtmanager.config import Settings
from rtmanager.domain.allowed_images import AllowedImages
from rtmanager.domain.container import ResourceLimits
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operations.container_spec import EnginePolicy
from rtmanager.domain.ports.job_stream import JobKind


def engine_policy(settings: Settings) -> EnginePolicy:
    """Return the settings for engine containers."""
    owner = (settings.game_state_owner_uid, settings.game_state_owner_gid)
    return EnginePolicy(
        docker_network=settings.docker_network,
        mount_path=str(settings.engine_state_mount_path),
        state_env_name=settings.engine_state_env_name,
        default_limits=ResourceLimits(
            cpu_quota=float(settings.default_cpu_quota),
            memory_bytes=settings.default_memory,
            pids_limit=settings.default_pids_limit,
        ),
        max_limits=ResourceLimits(
            cpu_quota=float(settings.max_cpu_quota),
            memory_bytes=settings.max_memory,
            pids_limit=settings.max_pids_limit,
        ),
        read_only_root=settings.read_only_root_filesystem,
        scratch_bytes=settings.engine_tmp_size,
        disk_limit=settings.engine_disk_limit,
        runtime=settings.docker_runtime,
        state_owner=None if owner[0] is None or owner[1] is None else (owner[0], owner[1]),
        pull_policy=settings.image_pull_policy,
        allowed_images=AllowedImages.parse(settings.allowed_images),
        stop_timeout=settings.container_stop_timeout_seconds,
        start_gate_timeout=settings.start_gate_timeout,
        patch_gate_timeout=settings.patch_gate_timeout,
        lease_wait=settings.game_lease_wait,
    )


def swarm_policy(settings: Settings) -> SwarmPolicy:
    """Return the settings for services of a Swarm."""
    return SwarmPolicy(
        network=settings.docker_network,
        start_concurrency=settings.docker_start_concurrency,
        constraints=settings.swarm_constraints,
        spread_over=settings.swarm_spread_over,
        reserved_cpu=settings.swarm_reserved_cpu,
        reserved_memory=settings.swarm_reserved_memory,
        stop_grace=settings.container_stop_timeout_seconds,
        timeout=settings.docker_timeout,
        pull_timeout=settings.pull_timeout,
    )


def cycle_policy(settings: Settings) -> CyclePolicy:
    """Return the settings for monitoring and reconciliation."""
    return CyclePolicy(
        probe_threshold=settings.probe_failures_threshold,
        retention=timedelta(days=settings.container_retention_days),
        disk_limit=settings.engine_disk_limit,
        moves_at_once=settings.node_concurrency,
        keep_operations=timedelta(days=settings.operation_log_days),
        keep_sent=timedelta(seconds=settings.outbox_keep_sent),
    )


def stream_layout(settings: Settings) -> StreamLayout:
    """Return the names of the streams and their maximum length."""
    return StreamLayout(
        jobs={
            JobKind.START: settings.redis_start_jobs_stream,
            JobKind.STOP: settings.redis_stop_jobs_stream,
        },
        messages={
            OutboxStream.JOB_RESULTS: settings.redis_job_results_stream,
            OutboxStream.HEALTH_EVENTS: settings.redis_health_events_stream,
            OutboxStream.NOTIFICATION_INTENTS: settings.redis_notification_intents_stream,
        },
        dead=settings.redis_dead_jobs_stream,
        maxlen=settings.redis_stream_maxlen,
    )
