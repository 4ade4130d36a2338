"""The durable store: Postgres through psycopg 3 and plain SQL."""
