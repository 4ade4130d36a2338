"""The process that serves: its start, its HTTP server, its end."""
