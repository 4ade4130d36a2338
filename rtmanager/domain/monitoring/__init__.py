"""Monitoring of engines and of the service itself: probes, inspections, readiness."""
