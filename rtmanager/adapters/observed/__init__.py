"""Decorators of the ports, which count, time and trace what passes through them.

Each passes on what it does not observe to the port that it has `wrapped`.
"""
