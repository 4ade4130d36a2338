"""Engine containers as services of a Docker Swarm."""
