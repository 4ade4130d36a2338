"""Settings as they were given, wrong ones included, for the operator who corrects them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from rtmanager.config.contradictions import PAIRS
from rtmanager.config.faults import PREFIX, ConfigError
from rtmanager.config.formats import Seconds
from rtmanager.config.secret_files import SUFFIX
from rtmanager.config.settings import Settings, ShownSetting

_STAND_INS = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://stand-in/none",
    "RTMANAGER_REDIS_MASTER_ADDR": "stand-in:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/stand-in",
}
"""Values of what is required, so that the rest can be shown without it."""
_HARMLESS = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})? ?[A-Za-z]{0,7}|[A-Za-z_]{1,12}", re.ASCII)
"""A number with its unit, or a word."""


def shown_despite(error: ConfigError, environment: Mapping[str, str]) -> Iterator[ShownSetting]:
    """Yield every setting; of those with a fault what was given, unless it may be a secret.

    Only numbers, durations, switches and choices are repeated, and only what looks like one: what
    does not may be a password in the wrong variable.
    """
    wrong = _wrong(error)
    settings = _settings_without(wrong, environment)
    if settings is None:
        return
    fields = {PREFIX + name.upper(): field for name, field in Settings.model_fields.items()}
    for each in settings.shown():
        if each.variable in wrong or each.value in _STAND_INS.values():
            given = environment.get(each.variable, "").strip()
            value = _given(given, fields[each.variable])
            yield replace(each, value=value, source="environment" if given else "default")
        else:
            yield each


def _settings_without(wrong: set[str], environment: Mapping[str, str]) -> Settings | None:
    """Return the settings without the wrong ones, and without what contradicts what is left."""
    rest = {
        name: value
        for name, value in environment.items()
        if not {name, name.removesuffix(SUFFIX)} & wrong and not name.startswith("OTEL_")
    }
    try:
        return Settings.from_environment({**_stand_ins(wrong, environment), **rest})
    except ConfigError as error:
        more = _wrong(error) - wrong
        return _settings_without(wrong | more, environment) if more else None


def _wrong(error: ConfigError) -> set[str]:
    """Return the variables with a fault; of a pair, half of which is missing, both."""
    named = {fault.variable.removesuffix(SUFFIX) for fault in error.faults}
    named |= {fault.variable for fault in error.faults}
    return named.union(*(pair for pair in PAIRS if named & set(pair)))


def _stand_ins(wrong: set[str], environment: Mapping[str, str]) -> Mapping[str, str]:
    return {
        name: value
        for name, value in _STAND_INS.items()
        if name in wrong or not environment.get(name, "").strip()
    }


def _given(value: str, field: FieldInfo) -> str:
    if not value:
        return ""
    if _is_closed(field.annotation) and _HARMLESS.fullmatch(value):
        return value
    return f"({len(value)} characters, not shown)"


def _is_closed(kind: Any) -> bool:
    """Say whether a setting takes only numbers or words of a list."""
    members: Sequence[Any] = [each for each in get_args(kind) if each is not type(None)]
    if get_origin(kind) is Literal or kind in {int, float, bool, Seconds}:
        return True
    if isinstance(kind, type):
        return issubclass(kind, Enum)
    return bool(members) and _is_closed(members[0])
