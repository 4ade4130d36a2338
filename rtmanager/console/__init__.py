"""The console: pages for operators, rendered here, on the public API and its client."""
