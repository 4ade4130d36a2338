-- The records of runtimes, the log of operations, the latest health and the messages to be sent.
-- A closed set of values is spelled out here: a new value needs a new migration.

CREATE TABLE runtime_records (
    game_id text COLLATE "C" PRIMARY KEY,
    status text NOT NULL
        CONSTRAINT runtime_records_status CHECK (status IN ('running', 'stopped', 'removed')),
    current_container_id text,
    current_image_ref text,
    image_id text,
    engine_endpoint text,
    state_path text NOT NULL,
    docker_network text NOT NULL,
    started_at timestamptz,
    stopped_at timestamptz,
    removed_at timestamptz,
    last_op_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    last_fence bigint NOT NULL
);

CREATE INDEX runtime_records_by_status_and_age ON runtime_records (status, last_op_at);

CREATE TABLE operation_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game_id text COLLATE "C" NOT NULL,
    kind text NOT NULL
        CONSTRAINT operation_log_kind CHECK (kind IN (
            'start', 'stop', 'restart', 'patch', 'cleanup_container',
            'reconcile_adopt', 'reconcile_dispose', 'reconcile_observed_exit')),
    source text NOT NULL
        CONSTRAINT operation_log_source CHECK (source IN (
            'lobby_stream', 'gm_rest', 'admin_rest', 'auto_ttl', 'auto_reconcile')),
    source_ref text NOT NULL,
    reason text
        CONSTRAINT operation_log_reason CHECK (reason IN (
            'orphan_cleanup', 'cancelled', 'finished', 'admin_request', 'timeout')),
    image_ref text,
    container_id text,
    outcome text
        CONSTRAINT operation_log_outcome CHECK (outcome IN ('success', 'failure')),
    error_code text
        CONSTRAINT operation_log_error_code CHECK (error_code IN (
            'invalid_request', 'not_found', 'conflict', 'service_unavailable', 'internal_error',
            'image_pull_failed', 'image_ref_not_semver', 'semver_patch_only',
            'container_start_failed', 'start_config_invalid', 'docker_unavailable',
            'replay_no_op')),
    error_message text,
    steps jsonb NOT NULL DEFAULT '[]',
    details jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT operation_log_finished_with_outcome
        CHECK ((outcome IS NULL) = (finished_at IS NULL))
);

CREATE UNIQUE INDEX operation_log_one_open_per_game ON operation_log (game_id)
    WHERE outcome IS NULL;
CREATE UNIQUE INDEX operation_log_one_row_per_job ON operation_log (source_ref)
    WHERE source = 'lobby_stream';
CREATE INDEX operation_log_history ON operation_log (game_id, id DESC);

CREATE TABLE health_snapshots (
    game_id text COLLATE "C" PRIMARY KEY,
    container_id text NOT NULL,
    event_type text NOT NULL
        CONSTRAINT health_snapshots_event_type CHECK (event_type IN (
            'container_started', 'container_exited', 'container_oom', 'container_disappeared',
            'inspect_unhealthy', 'probe_failed', 'probe_recovered')),
    details jsonb NOT NULL,
    observed_at timestamptz NOT NULL
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game_id text COLLATE "C" NOT NULL,
    stream text NOT NULL
        CONSTRAINT outbox_stream CHECK (stream IN (
            'job_results', 'health_events', 'notification_intents')),
    fields jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz
);

CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
