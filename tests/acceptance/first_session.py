"""The first session of a newcomer: its steps, and what is observed after each of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import httpx

from tests.support.environment import Environment, Row


@dataclass(frozen=True)
class Observed:
    """What was observed after one step of the session."""

    answer: httpx.Response
    container: Row | None
    health: Row | None
    starts: str


@dataclass(frozen=True)
class Session:
    """The observations of a session, each step by its name."""

    environment: Environment
    game: str
    observations: Mapping[str, Observed]

    def __getitem__(self, step: str) -> Observed:
        """Return what was observed after the step."""
        return self.observations[step]

    def operation(self, step: str) -> Row:
        """Return the operation row that the step left."""
        return self.environment.operations(self.game)[list(self.observations).index(step)]


def run_session(environment: Environment, game: str) -> Session:
    """Take every step on a game, as Game Master, and observe the game after each."""
    as_gm = replace(environment, headers={"X-Galaxy-Caller": "gm", "X-Request-Id": "first-session"})
    observations = {
        name: _observe(as_gm, game, step()) for name, step in _steps(as_gm, game).items()
    }
    return Session(environment, game, observations)


def _steps(environment: Environment, game: str) -> dict[str, Callable[[], httpx.Response]]:
    return {
        "start": lambda: environment.start(game, "1.4.7"),
        "start again": lambda: environment.start(game, "1.4.7"),
        "start another image": lambda: environment.start(game, "1.4.8"),
        "patch": lambda: environment.patch(game, "1.4.8"),
        "patch to another minor": lambda: environment.patch(game, "1.5.0"),
        "patch to a broken one": lambda: environment.patch(game, "1.4.9"),
        "restart": lambda: environment.restart(game),
        "stop": lambda: environment.stop(game),
        "stop again": lambda: environment.stop(game),
        "clean up": lambda: environment.clean_up(game),
        "clean up again": lambda: environment.clean_up(game),
        "start after cleanup": lambda: environment.start(game, "1.4.7"),
    }


def _observe(environment: Environment, game: str, answer: httpx.Response) -> Observed:
    listed = environment.containers(game)
    assert len(listed) <= 1, listed
    runs = bool(listed) and listed[0]["State"] == "running"
    return Observed(
        answer=answer,
        container=environment.inspect(listed[0]["Id"]) if listed else None,
        health=environment.health(game).json() if runs else None,
        starts=(environment.state(game) / "starts").read_text().strip(),
    )
