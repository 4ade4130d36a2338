"""Follows an operation while it runs: its steps, live, on standard error."""

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import typer

from rtmanager.cli import operation_view, screen
from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from rich.live import Live

    from rtmanager.client import Operation, RuntimeManagerClient, RuntimeRecord

POLL_SECONDS = 0.5


@dataclass
class Follower:
    """Shows the steps of one request: live on a terminal, else a line for each that has ended."""

    is_quiet: bool = False
    request_id: str = field(default_factory=lambda: uuid4().hex)
    operation: "Operation | None" = None
    _live: "Live | None" = None
    _shown: int = 0
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Begin to show."""
        if sys.stderr.isatty():
            from rich.live import Live  # noqa: PLC0415 - quick commands need none

            live = Live("", console=screen.console(sys.stderr), refresh_per_second=4)
            self._live = self._open.enter_context(live)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last state on the screen."""
        self._open.close()

    def show(self, operation: "Operation") -> None:
        """Show what is new."""
        self.operation = operation
        if self._live is not None:
            self._live.update(operation_view.progress(operation))
        elif not self.is_quiet:
            ended = [step for step in operation.steps if step.result != "running"]
            for step in ended[self._shown :]:
                typer.echo(plain(operation_view.step_line(step)), err=True)
            self._shown = max(self._shown, len(ended))

    @property
    def goes_on(self) -> str:
        """What is said after Ctrl-C."""
        if self.operation is None:
            found = f"rtmanager ops --request {self.request_id}"
            return f"\nAn operation that has begun continues; `{found}` finds it."
        follow = f"rtmanager ops show {self.operation.operation_id} --wait"
        return f"\nThe operation continues; `{follow}` follows it."


async def followed(
    service: "RuntimeManagerClient",
    call: "Coroutine[Any, Any, RuntimeRecord]",
    follower: Follower,
) -> "RuntimeRecord":
    """Await an action, and show the steps of its operation meanwhile."""
    task = asyncio.create_task(call, name="action")
    try:
        while True:
            await asyncio.wait({task}, timeout=POLL_SECONDS)
            await _look(service, follower)
            if task.done():
                return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _look(service: "RuntimeManagerClient", follower: Follower) -> None:
    from rtmanager.client import ClientError, OperationFilter  # noqa: PLC0415 - as above

    # What is shown is an addition: the action itself says what is wrong.
    with suppress(ClientError):
        own = OperationFilter(source_ref=follower.request_id)
        page = await service.operations(own, limit=1)
        for operation in page.items:
            follower.show(operation)
