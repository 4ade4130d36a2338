"""Loops that call the cycles of supervision; they hold no decisions."""
