-- An open operation is an intent that the next holder of the game's lease carries on: who holds it,
-- how far it is, and how many processes were lost on it. The release before fills none of this.

CREATE TABLE game_leases (
    game_id text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL
);

ALTER TABLE operation_log
    ADD COLUMN lease_number bigint,
    ADD COLUMN handed_over boolean NOT NULL DEFAULT false,
    ADD COLUMN lost double precision NOT NULL DEFAULT 0,
    ADD COLUMN lost_at integer,
    ADD COLUMN phase text NOT NULL DEFAULT 'forward'
        CONSTRAINT operation_log_phase CHECK (phase IN ('forward', 'back')),
    ADD COLUMN request_container_id text,
    ADD COLUMN predecessor jsonb,
    ADD COLUMN cause jsonb;

-- What the open ones of the release before found is in the record, which only an outcome changes.
-- Nobody knows whether an engine that ran was healthy. It counts as healthy, so that after a patch
-- the new one must prove itself. A start only goes on where no engine runs, whatever the record
-- says.
UPDATE operation_log AS operation SET predecessor = jsonb_build_object(
    'container_id', record.current_container_id,
    'ran', record.status = 'running' AND operation.kind <> 'start',
    'healthy', record.status = 'running' AND operation.kind <> 'start'
)
FROM runtime_records AS record
WHERE record.game_id = operation.game_id
    AND record.current_container_id IS NOT NULL
    AND operation.outcome IS NULL
    AND operation.kind IN ('start', 'restart', 'patch');

-- Docker's DNS knows no case and no trailing dot. Games that an earlier release let share a name
-- keep NULL, all of them: none has more right to it than the others.
ALTER TABLE runtime_records ADD COLUMN dns_name text COLLATE "C";

UPDATE runtime_records AS record SET dns_name = lower(rtrim(game_id, '.'))
WHERE NOT EXISTS (
    SELECT FROM runtime_records AS other
    WHERE lower(rtrim(other.game_id, '.')) = lower(rtrim(record.game_id, '.'))
        AND other.game_id <> record.game_id
);

CREATE UNIQUE INDEX runtime_records_one_per_dns_name ON runtime_records (dns_name);
-- Finds those too that have none: of the release before, while both run.
CREATE INDEX runtime_records_by_dns_name ON runtime_records (lower(rtrim(game_id, '.')));

CREATE TABLE installation (
    is_the_one boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_one_row CHECK (is_the_one),
    id text NOT NULL
);

-- Outside transactions: a fence that was lent is never lent again, however its batch ended.
CREATE SEQUENCE outbox_fence MINVALUE 0 START 0;
