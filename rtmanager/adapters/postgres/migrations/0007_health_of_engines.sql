-- What every engine last answered, written when it changes, and when the last round of probes began.
-- New tables: the release before fills neither, and what it does not know is asked anew.

CREATE TABLE engine_health (
    game_id text COLLATE "C" PRIMARY KEY,
    container_id text NOT NULL,
    healthy boolean,
    error text,
    since timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    misses integer NOT NULL
);

CREATE TABLE probe_rounds (
    is_the_one boolean PRIMARY KEY DEFAULT true CONSTRAINT probe_rounds_one_row CHECK (is_the_one),
    began_at timestamptz NOT NULL
);
