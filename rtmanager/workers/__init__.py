"""Loops that run the domain's cycles, without decisions of their own."""
