"""Measurements of the running service; docs/benchmarks.md tells what they showed."""
