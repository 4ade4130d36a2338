"""Follows the games of a node that is drained or lost, until none is left there."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from rtmanager.cli.faults import ExitCode, refuse
from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtmanager.client import Node, RuntimeManagerClient

POLL_SECONDS = 1.0
PATIENCE = 10
"""Polls in a row that may fail: the managers of a Swarm choose another leader in half a minute."""
FEW = 3
"""Games that are worth naming: the last ones, which somebody waits for."""
DRAIN_REF = "node_drain:"
"""What the operation log has as the reference of a restart by a drain, before the node's name."""


@dataclass
class Departure:
    """What is known of it: a line for each number of games that are left."""

    name: str
    word: str
    is_quiet: bool = False
    _shown: str = ""

    @property
    def goes_on(self) -> str:
        """What is said after Ctrl-C."""
        follow = f"rtmanager node {self.word} {self.name} --follow"
        return f"\n{plain(f'The games go on leaving {self.name}; `{follow}` follows it.')}"

    async def followed(self, service: "RuntimeManagerClient", marked: "Node") -> "Node":
        """Return the node when no game is left; end the process if none leaves it any more."""
        from rtmanager.client import DockerUnavailable, ServiceUnavailable  # noqa: PLC0415 - slow

        failures = 0
        while True:
            try:
                if await self._is_over(service, marked):
                    return marked
                await asyncio.sleep(POLL_SECONDS)
                marked = self._found(await service.nodes(), marked.node_id)
                failures = 0
            except (DockerUnavailable, ServiceUnavailable):
                failures += 1
                if failures == PATIENCE:
                    raise

    async def _is_over(self, service: "RuntimeManagerClient", seen: "Node") -> bool:
        self._check(seen)
        if seen.games_left:
            self._show(seen.name, f"{seen.games_left} left", seen.games)
            return False
        # A lost game is left until it runs elsewhere; one that is drained until its engine stops.
        moving = await _on_their_way(service, seen.name) if self.word == "drain" else ()
        if moving:
            self._show(seen.name, "the last are being moved", moving)
        return not moving

    def _found(self, nodes: "Sequence[Node]", node_id: str) -> "Node":
        found = next((each for each in nodes if each.node_id == node_id), None)
        if found is None:
            refuse(f"{self.name} has left the Swarm", ExitCode.NOT_FOUND)
        return found

    def _check(self, seen: "Node") -> None:
        number = seen.games_left or len(seen.games)
        left = f"with {number} {'game' if number == 1 else 'games'} left"
        if self.word == "drain" and seen.drain_at is None:
            refuse(f"somebody has ended the drain of {self.name}, {left}", ExitCode.CONFLICT)
        if self.word == "drain" and seen.is_out_of_reach and seen.games:
            said = f"{self.name} went down while it was drained, {left}: {seen.advice}"
            refuse(said, ExitCode.UNAVAILABLE)

    def _show(self, node: str, words: str, games: "Sequence[str]") -> None:
        named = f": {', '.join(games)}" if 0 < len(games) <= FEW else ""
        if not self.is_quiet and words + named != self._shown:
            self._shown = words + named
            typer.echo(plain(f"{node}: {self._shown}"), err=True)


async def _on_their_way(service: "RuntimeManagerClient", node: str) -> "Sequence[str]":
    """Return the games that are being moved off a node: a failure brings one back to it."""
    from rtmanager.client import OperationFilter, Outcome  # noqa: PLC0415 - slow

    moves = OperationFilter(source_ref=f"{DRAIN_REF}{node}", outcome=Outcome.OPEN)
    return sorted(each.game_id for each in (await service.operations(moves)).items)
