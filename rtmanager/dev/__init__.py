"""A whole development environment on a machine that has nothing: engine, databases, demo images."""
