"""The console: web pages for operators, on the public API."""
