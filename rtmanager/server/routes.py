"""The routes of a router as one pattern for each method: a path is looked up, not searched for."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.routing import Route

_NAME = re.compile(r"\?P<\w+>")

Found = tuple[Any, dict[str, str]]
"""What a route leads to, and the texts that stand in the path for its parameters."""


class Routes:
    """Finds what the router would find, with its own patterns and in its order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_method: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            for method in route.methods or ():
                by_method[method].append(route)
        self._by_method = {method: _Alternatives(each) for method, each in by_method.items()}

    def find(self, method: str, path: str) -> Found | None:
        """Return where a request is to go; None if only the router knows what to do with it."""
        routes = self._by_method.get(method)
        return routes.find(path) if routes else None


class _Alternatives:
    """Routes of one method, in one pattern; a group around each shows which one it was."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._pattern = re.compile("|".join(f"({_pattern(each)})" for each in routes))
        self._by_group: dict[int, tuple[Any, tuple[str, ...]]] = {}
        group = 1
        for route in routes:
            names = tuple(route.path_regex.groupindex)
            self._by_group[group] = (route.endpoint, names)
            group += 1 + len(names)

    def find(self, path: str) -> Found | None:
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        group = found.lastindex or 0
        endpoint, names = self._by_group[group]
        return endpoint, dict(zip(names, found.groups()[group:], strict=False))


def _pattern(route: Route) -> str:
    """Return the pattern of a route without its ends, and without names, which repeat."""
    return _NAME.sub("", route.path_regex.pattern.removeprefix("^").removesuffix("$"))
