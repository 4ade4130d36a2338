"""The nodes of a Swarm: lost ones, drained ones, and the games on them."""
