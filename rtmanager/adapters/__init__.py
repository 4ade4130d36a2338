"""The world behind the ports: Docker, Postgres, Redis, HTTP, files, and doubles of them."""
