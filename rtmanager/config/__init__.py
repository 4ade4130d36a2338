"""The settings of the service, from `RTMANAGER_*` variables."""

from rtmanager.config.faults import PREFIX, ConfigError, Fault
from rtmanager.config.formats import Address, Seconds
from rtmanager.config.settings import Settings, ShownSetting

__all__ = ["PREFIX", "Address", "ConfigError", "Fault", "Seconds", "Settings", "ShownSetting"]
