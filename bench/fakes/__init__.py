"""Stand-ins for a thousand containers: a Docker daemon, and the engines in its containers."""
