-- How much of each message's quotas is used up. A new table: what the release before sends counts
-- towards no quota.

CREATE TABLE outbox_quota_uses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    until timestamptz NOT NULL
);

CREATE INDEX outbox_quota_uses_by_key ON outbox_quota_uses (key, until);
CREATE INDEX outbox_quota_uses_by_end ON outbox_quota_uses (until);
