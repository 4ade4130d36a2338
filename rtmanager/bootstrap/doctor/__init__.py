"""Checks of everything that the service needs, each with its remedy; nothing is changed."""

from rtmanager.bootstrap.doctor.examine import examine
from rtmanager.bootstrap.doctor.finding import Finding, Severity

__all__ = ["Finding", "Severity", "examine"]
