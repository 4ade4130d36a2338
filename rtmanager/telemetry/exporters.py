"""What traces and metrics share: the exporters that are on, and who exports."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rtmanager import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


class Provider(Protocol):
    """The SDK's part that exports; at its shutdown what is left is exported too."""

    def shutdown(self) -> None:
        """Export the rest and stop."""


@contextmanager
def exporting(
    environment: Mapping[str, str],
    variable: str,
    set_provider: Callable[[tuple[str, ...]], Provider],
) -> Iterator[None]:
    """Export during the block through a provider with the exporters that a variable enables.

    Without any the provider is not made, so that the SDK loads only where it is used.
    """
    names = exporter_names(environment, variable)
    if not names:
        yield
        return
    provider = set_provider(names)
    try:
        yield
    finally:
        provider.shutdown()


def exporter_names(environment: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Return the exporters that a variable enables; `Settings` has refused unknown ones."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    chosen = environment.get(variable, "").lower().split(",")
    names = dict.fromkeys(name.strip() for name in chosen)
    return tuple(name for name in names if name not in {"", "none"})


def service_resource() -> "Resource":
    """Return the service's name and version; `OTEL_*` variables override and add to them."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - lazy

    ours = Resource.create({"service.name": "rtmanager", "service.version": __version__})
    # Attributes given in code would override the environment, so it is merged once more.
    return ours.merge(OTELResourceDetector().detect())
