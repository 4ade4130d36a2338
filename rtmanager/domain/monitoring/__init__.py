"""How engines and the service itself are doing: probes, inspections, readiness."""
