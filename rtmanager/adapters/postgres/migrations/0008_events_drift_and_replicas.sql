-- What operators are told as it happens, the drift that is there, and the replicas that run. Triggers
-- write the events, in the transaction of what they report, also for the release before.

-- A transaction that commits late may have low ids. So events are in the order of their
-- transactions, and read up to the oldest one that still runs. The first row is where a reader
-- begins.
CREATE TABLE operator_events (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL
        CONSTRAINT operator_events_type CHECK (type IN ('begin', 'operation', 'health', 'drift')),
    game_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body jsonb NOT NULL,
    PRIMARY KEY (transaction, id)
);

INSERT INTO operator_events (type, game_id, body) VALUES ('begin', '', '{}');

CREATE FUNCTION operator_events_wake_reader() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''rtmanager_events'', ''''); RETURN NULL; END';

CREATE TRIGGER operator_events_wake_reader AFTER INSERT ON operator_events
    FOR EACH STATEMENT EXECUTE FUNCTION operator_events_wake_reader();

-- Only the latest step, without what it keeps from callers.
CREATE FUNCTION operation_log_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_events (type, game_id, body) VALUES (
        'operation', NEW.game_id, jsonb_build_object(
            'operation_id', NEW.id,
            'kind', NEW.kind,
            'source', NEW.source,
            'source_ref', NEW.source_ref,
            'image_ref', NEW.image_ref,
            'outcome', NEW.outcome,
            'phase', NEW.phase,
            'error_code', NEW.error_code,
            'error_message', NEW.error_message,
            'steps', jsonb_array_length(NEW.steps),
            'step', (NEW.steps -> -1) - 'detail'
        )
    );
    RETURN NULL;
END $$;

-- A new holder changes other columns.
CREATE TRIGGER operation_log_tell AFTER INSERT OR UPDATE OF steps ON operation_log
    FOR EACH ROW EXECUTE FUNCTION operation_log_tell();

CREATE FUNCTION health_snapshots_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_events (type, game_id, body) VALUES (
        'health', NEW.game_id, jsonb_build_object('event', jsonb_build_object(
            'container_id', NEW.container_id,
            'event_type', NEW.event_type,
            'details', NEW.details,
            'occurred_at', NEW.observed_at
        ))
    );
    RETURN NULL;
END $$;

CREATE TRIGGER health_snapshots_tell AFTER INSERT OR UPDATE ON health_snapshots
    FOR EACH ROW EXECUTE FUNCTION health_snapshots_tell();

-- What an engine answers, when that changes; the words of an error may differ each time.
CREATE FUNCTION engine_health_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_events (type, game_id, body) VALUES (
        'health', NEW.game_id, jsonb_build_object('healthy', NEW.healthy, 'error', NEW.error)
    );
    RETURN NULL;
END $$;

CREATE TRIGGER engine_health_insert_tell AFTER INSERT ON engine_health
    FOR EACH ROW EXECUTE FUNCTION engine_health_tell();
CREATE TRIGGER engine_health_update_tell AFTER UPDATE ON engine_health
    FOR EACH ROW WHEN (
        (OLD.container_id, OLD.healthy) IS DISTINCT FROM (NEW.container_id, NEW.healthy)
    ) EXECUTE FUNCTION engine_health_tell();

-- The drift that the reconciler has met and not removed. An empty container id is none.
CREATE TABLE present_drift (
    game_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    container_id text NOT NULL,
    sentence text NOT NULL,
    retry_at timestamptz,
    PRIMARY KEY (game_id, kind, container_id)
);

-- What each replica said last of itself; gone with it. `claim` is the process id of its connection
-- that holds, or waits for, the leader's lock.
CREATE TABLE replicas (
    replica_id text PRIMARY KEY,
    host text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    claim integer,
    workers jsonb NOT NULL
);
