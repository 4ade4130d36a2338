"""Quote what a caller sent in a message: printable, bounded, never misread as our own words."""

_LIMIT = 80


def shown(text: str) -> str:
    """Return `text` in quotes, as ASCII, shortened."""
    return ascii(text[:_LIMIT]) + ("..." if len(text) > _LIMIT else "")


def shown_names(names: list[str]) -> str:
    """Return the first few names in quotes."""
    few = 3
    return ", ".join(map(shown, names[:few])) + (", ..." if len(names) > few else "")
