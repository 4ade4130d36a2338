"""The server process: startup, HTTP server, shutdown."""
