-- The relay is woken by every insert, knows each message by a token that is never used twice, and
-- finds those that keep others quiet. A job is named by its stream and its entry id.

ALTER TABLE outbox
    ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN quiet_key text,
    ADD COLUMN quiet_until timestamptz;

CREATE INDEX outbox_quiet ON outbox (quiet_key, quiet_until) WHERE quiet_key IS NOT NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

CREATE FUNCTION outbox_wake_relay() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''rtmanager_outbox'', ''''); RETURN NULL; END';

CREATE TRIGGER outbox_wake_relay AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake_relay();

DROP INDEX operation_log_one_row_per_job;
CREATE UNIQUE INDEX operation_log_one_row_per_job ON operation_log (kind, source_ref)
    WHERE source = 'lobby_stream';
