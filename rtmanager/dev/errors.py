"""What can go wrong while an environment is being prepared."""


class SetUpError(Exception):
    """The environment cannot be prepared; the message says in one line what to do about it."""
