-- The operation log is searched by time, by request and for failures, and an operation names its
-- trace. The release before fills no trace.

ALTER TABLE operation_log ADD COLUMN trace_id text;

CREATE INDEX operation_log_by_begin ON operation_log (started_at);
-- By hash: a text from outside may be longer than a sorted index takes.
CREATE INDEX operation_log_by_request ON operation_log USING hash (source_ref);
CREATE INDEX operation_log_failures ON operation_log (id) WHERE outcome = 'failure';
