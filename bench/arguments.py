"""Arguments of the command line."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Collection


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """Return a type that accepts these names; argparse's choices refuse an empty list of them."""

    def checked(name: str) -> str:
        if name not in names:
            raise ArgumentTypeError(f"{name} is none of {', '.join(names)}")
        return name

    return checked
