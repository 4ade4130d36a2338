"""A working double for every port, deterministic, for tests and the simulation."""
