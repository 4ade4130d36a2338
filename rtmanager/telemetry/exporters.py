"""What traces and metrics share: the exporters that are on, and who exports."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rtmanager import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


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
