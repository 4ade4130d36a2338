-- Of an engine on a node of a Swarm that is down it is told once per outage. The release before knows
-- no Swarm: it never meets such a row.

ALTER TABLE health_baselines DROP CONSTRAINT health_baselines_watch;
ALTER TABLE health_baselines ADD CONSTRAINT health_baselines_watch
    CHECK (watch IN ('probe', 'inspect', 'node'));
