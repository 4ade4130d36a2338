"""Working, deterministic doubles of every port, for tests and the simulation."""
