"""Templates to HTML: every value is escaped, and one that is missing is an error."""

from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from rtmanager.console import formats, listing, words


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("rtmanager.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters |= {
        "time_since": formats.since,
        "duration": formats.duration,
        "machine_time": formats.machine_time,
        "full_time": formats.full_time,
        "clock_time": formats.clock_time,
        "short_id": formats.short_id,
        # Filters: the list has a thousand rows, and to call a function takes Jinja longer.
        "since_of": listing.since,
        "text_of": listing.text_of,
        "is_busy": listing.is_busy,
        "part": partial(quote, safe=""),
        "plain": words.plain,
        "kind": partial(words.word, words=words.KINDS),
        "source": partial(words.word, words=words.SOURCES),
        "step": partial(words.word, words=words.STEPS),
        "outcome": partial(words.word, words=words.OUTCOMES),
        "result": partial(words.word, words=words.RESULTS),
        "drift": partial(words.word, words=words.DRIFTS),
    }
    templates.tests["game_id"] = formats.is_game_id
    templates.globals |= {
        "stop_reasons": words.STOP_REASONS,
        "game_id_rule": words.GAME_ID_RULE,
        "observed": words.OBSERVED,
        "gib": 1 << 30,
        "words": {"kinds": words.KINDS, "steps": words.STEPS, "results": words.RESULTS},
    }
    return templates


def render(template: str, **values: Any) -> str:
    """Return a page or a part of one, as of now."""
    return _templates().get_template(template).render(now=datetime.now(UTC), **values)
