"""The operator's fence command: a program that makes sure that a node is off."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rtmanager.domain.node import Node, name_in_commands
from rtmanager.domain.texts import printable

logger = logging.getLogger(__name__)

MAX_OUTPUT = 2_000
"""Bytes of output that are kept for the log, the last ones."""
OUTPUT_WAIT = 1.0
"""Seconds for which the rest of its output is waited for when the command has ended."""
OURS = "RTMANAGER_"


class _Output(asyncio.Protocol):
    """Keeps the end of what a command prints, however much that is."""

    def __init__(self) -> None:
        self.kept = b""
        self.has_ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Keep the end of it."""
        self.kept = (self.kept + data)[-MAX_OUTPUT:]

    def connection_lost(self, _exc: Exception | None) -> None:
        """Note that nothing more comes."""
        self.has_ended.set()

    @property
    def text(self) -> str:
        """Return what was kept."""
        return printable(self.kept.decode(errors="replace").strip())


@dataclass(frozen=True, slots=True)
class FenceCommand:
    """Runs the command with the node's name and id as its last arguments, without a shell.

    A name that no host may have, such as one that looks like an option, is replaced by the id.

    It runs in a process group of its own, which is killed after `timeout` seconds, and when the
    command has ended: nothing of it goes on. It gets no setting of ours, which may be secret.
    """

    command: Sequence[str] | None
    timeout: float

    @property
    def is_available(self) -> bool:
        """Return whether there is a command."""
        return self.command is not None

    async def confirms_off(self, node: Node) -> bool:
        """Run the command and return whether it ended with exit code 0 in time."""
        if self.command is None:
            return False
        began = time.monotonic()
        about: dict[str, object] = {"node": node.name, "node_id": node.id}
        try:
            name = name_in_commands(node.name, node.id)
            exit_code, output = await self._run([*self.command, name, node.id])
        except (OSError, TimeoutError) as error:
            words = str(error) or f"it was killed after {self.timeout:g} s"
            logger.warning("fence_command_failed", extra=about | {"error": words})
            return False
        about |= {"exit_code": exit_code, "output": output}
        about |= {"duration_ms": round((time.monotonic() - began) * 1000, 3)}
        if exit_code:
            logger.warning("fence_command_refused", extra=about)
        else:
            logger.info("fence_command_confirmed", extra=about)
        return exit_code == 0

    async def _run(self, command: Sequence[str]) -> tuple[int, str]:
        """Return the exit code and the output. Raises OSError, TimeoutError."""
        async with _printing() as (output, write_end):
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
                env=_environment(os.environ),
            )
            write_end.close()
            try:
                exit_code = await asyncio.wait_for(process.wait(), self.timeout)
            finally:
                await _kill(process)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(output.has_ended.wait(), OUTPUT_WAIT)
            return exit_code, output.text


@contextlib.asynccontextmanager
async def _printing() -> AsyncIterator[tuple[_Output, BinaryIO]]:
    """Read a pipe of our own: one of the process would be waited for, whoever has inherited it."""
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as writer:
        transport, output = await asyncio.get_running_loop().connect_read_pipe(
            _Output, os.fdopen(read_end, "rb")
        )
        try:
            yield output, writer
        finally:
            transport.close()
            await output.has_ended.wait()


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of the command, and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _environment(ours: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in ours.items() if not name.startswith(OURS)}
