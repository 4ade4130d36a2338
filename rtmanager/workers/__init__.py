"""Loops that call the cycles of the domain; they hold no decisions."""
