-- The operation log is searched by time, and an operation names its trace. The release before fills
-- no trace.

ALTER TABLE operation_log ADD COLUMN trace_id text;

CREATE INDEX operation_log_by_begin ON operation_log (started_at);
