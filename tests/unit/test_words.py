"""One concept, one word: a search for the words that are not used finds none."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INSTEAD = {
    r"\bsettl(e|es|ed|ing)\b": "recover, resume",
    r"\bundo(es|ing|ne)?\b|\bway back\b|\bturn(s|ed)? back\b|\bTurnBack\b": "roll back, rollback",
    r"\bheal(s|ed|ing|ings)?\b": "reconcile",
    r"\bmend(s|ed|ing)?\b": "fix, correct",
    r"\bcarr(y|ies|ied|ying)([ _]\w+?){0,3}[ _](out|on)\b(?! (our|the|its)\b)": "run, resume",
    r"\b(ruling|verdict|aftermath|sighting)s?\b": "decision, Completion, Observation",
    r"\bDocker engines?\b|\bContainerEngine\b|\bEngineRefused\b": "Docker, Docker daemon",
    r"\bsupervis(e|es|ed|ing|ion|or)\b": "monitoring, reconciliation; LeaderRunner",
    r"\b(bury|buries|buried)\b": "dead-letter",
    r"\bquiet_for\b|\bkeeps? (\w+ )?quiet\b": "dedup key, dedup window",
    r"\bneighbou?rs?\b": "dependency",
    r"\blanes?\b": "bulkhead",
    r"\b(harms?|universe|witness(es)?)\b": "fault, environment, trace",
    r"\bstages?\b": "environment",
    r"\bfor the eye\b": "human-readable",
    r"\bcages?\b": "sandbox",
    r"\b(tells|speaks of)\b": "reports, mentions",
    r"\b(superfluous|surplus)\b": "stale",
    r"\bgoes on by itself\b": "is resumed automatically",
}
"""Pattern of what is not said any more: the word to use."""

SKIPPED = (
    "requirements/",
    "rtmanager/adapters/postgres/migrations/",  # released migrations are never changed
    "docs/images/",  # pictures
    "tests/unit/test_words.py",
)


EDGE = r"(?:(?<![a-zA-Z])(?=[a-zA-Z])|(?<=[a-zA-Z])(?![a-zA-Z]))"
"""Where a word begins or ends, in names too, whose words are joined by underscores."""


def texts() -> list[tuple[str, str]]:
    """Return every text that is ours: code, documents, specifications, scripts."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.splitlines() if not name.endswith(".png")]
    ours = [name for name in names if not name.startswith(SKIPPED)]
    return [(name, (ROOT / name).read_text()) for name in ours if (ROOT / name).is_file()]


@pytest.mark.parametrize(("pattern", "instead"), INSTEAD.items(), ids=INSTEAD.values())
def test_words_that_are_not_ours_are_nowhere(pattern: str, instead: str) -> None:
    """Each concept has the field's word, in code, documents and messages alike."""
    word = re.compile(pattern.replace(r"\b", EDGE), re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if word.search(line)
    ]

    assert not found, f"say {instead}:\n" + "\n".join(found)
