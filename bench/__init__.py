"""Benchmarks of the running service; the results are in docs/benchmarks.md."""
