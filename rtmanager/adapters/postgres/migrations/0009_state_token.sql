-- The name of a file in the state root by which replicas and the nodes of a Swarm see that they have
-- the same storage. NULL until one has written that file. The release before does not read it.

ALTER TABLE installation ADD COLUMN state_token text;
