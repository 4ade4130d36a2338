"""The Docker engine behind the container engine port; the only user of the Docker SDK."""
