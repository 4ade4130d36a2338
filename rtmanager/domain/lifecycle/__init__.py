"""The operations on a runtime: one use case per file, all under one protocol."""
