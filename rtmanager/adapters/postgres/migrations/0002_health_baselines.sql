-- What each watcher has already told of a game's container, so that each event comes once, also
-- after a restart of the service. A new table: the release before does not know it.

CREATE TABLE health_baselines (
    game_id text COLLATE "C" NOT NULL,
    watch text NOT NULL
        CONSTRAINT health_baselines_watch CHECK (watch IN ('probe', 'inspect')),
    container_id text NOT NULL,
    failing boolean NOT NULL,
    count integer NOT NULL,
    PRIMARY KEY (game_id, watch)
);
