"""Loops that run the cycles of the domain; they make no decisions."""
