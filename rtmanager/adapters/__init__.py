"""The implementations of the ports: Docker, Postgres, Redis, HTTP, files, and test doubles."""
