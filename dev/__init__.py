"""A complete development environment on a bare machine: Docker, databases, demo images."""


class SetUpError(Exception):
    """The environment cannot be prepared; the message says in one line what to do about it."""
