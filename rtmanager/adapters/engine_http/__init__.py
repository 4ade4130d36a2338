"""Engines asked over HTTP."""
