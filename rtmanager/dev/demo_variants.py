"""Which demo engines there are, and how each of them behaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

REPOSITORY = "galaxy/game"


@dataclass(frozen=True)
class Variant:
    """One image: a tag and what its engine does."""

    tag: str
    command: str = "serve"
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def instructions(self) -> list[str]:
        """Return the image's settings as Dockerfile instructions."""
        labels = [f"LABEL {name}={value}" for name, value in self.labels.items()]
        user = [f"USER {self.user}"] if self.user else []
        return [
            "ENV PATH=/bin",
            f"ENV ENGINE_VERSION={self.tag}",
            "EXPOSE 8080",
            f"CMD {json.dumps([f'/engine/{self.command}'])}",
            *user,
            *labels,
        ]


# Tags of the form 1.4.90-word are semver of the line 1.4: patching to them is legal.
VARIANTS = (
    Variant("1.4.7"),
    Variant("1.4.8"),
    Variant("1.4.9", "exit-before-ready"),
    Variant("1.5.0"),
    Variant("1.4.90-exits-at-once", "exit-at-once"),
    Variant("1.4.90-exits-before-ready", "exit-before-ready"),
    Variant("1.4.90-exits-when-asked", "exit-when-asked"),
    Variant("1.4.90-exits-after-a-second", "exit-after-a-second"),
    Variant("1.4.90-never-answers", "never-answer"),
    Variant("1.4.90-never-listens", "never-listen"),
    Variant("1.4.90-ignores-sigterm", "ignore-sigterm"),
    Variant("1.4.90-logs-endlessly", "log-endlessly"),
    Variant("1.4.90-bad-command", "no-such-command"),
    Variant("1.4.90-user-by-number", user="4242:4242"),
    Variant("1.4.90-user-by-name", user="engine"),
    Variant(
        "1.4.90-own-limits",
        labels={
            "com.galaxy.cpu_quota": "0.5",
            "com.galaxy.memory": "64m",
            "com.galaxy.pids_limit": "64",
        },
    ),
    Variant("1.4.90-bad-limits", labels={"com.galaxy.memory": "lots"}),
    Variant("1.4.90-eats-memory", "eat-memory", labels={"com.galaxy.memory": "32m"}),
)
