-- The table of applied migrations, which `migrate.py` keeps, and those that yoyo kept before it.
-- The release before still reads yoyo's and must find them complete, because it may start while
-- this one runs, or again after it. A migration of the next release may drop them.

CREATE TABLE applied_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS _yoyo_migrations (
    migration_hash varchar(64) PRIMARY KEY,
    migration_id varchar(255),
    applied_at_utc timestamp
);

CREATE TABLE IF NOT EXISTS _yoyo_log (
    id varchar(36) PRIMARY KEY,
    migration_hash varchar(64),
    migration_id varchar(255),
    operation varchar(10),
    username varchar(255),
    hostname varchar(255),
    comment varchar(255),
    created_at_utc timestamp
);

CREATE TABLE IF NOT EXISTS _yoyo_version (
    version integer PRIMARY KEY,
    installed_at_utc timestamp
);

INSERT INTO _yoyo_version VALUES (2, now() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING;
