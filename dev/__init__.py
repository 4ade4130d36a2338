"""A whole development environment on a machine that has nothing: Docker, databases, demo images."""


class SetUpError(Exception):
    """The environment cannot be prepared; the message says in one line what to do about it."""
