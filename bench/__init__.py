"""Measurements of the running service; their results are in docs/benchmarks.md."""
