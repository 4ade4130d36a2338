"""The container host and container events ports on a real Docker; the only user of its SDK."""
