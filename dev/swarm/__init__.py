"""Swarms on this machine: each engine in namespaces of its own, beside the user's Docker."""
