"""Fault injection around any port: one proxy with a hook before and after every call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Self, TypeVar, cast

P = TypeVar("P")

FaultHook = Callable[[str], Awaitable[None]]
"""Awaited as `hook("host.start")` before a call and as `hook("host.start:done")` after its effect.

Raising before the call means that it never arrived, raising after it that its reply was lost. If
the call itself raises, that is its answer, and the second hook is not awaited.
"""


async def no_faults(_call: str) -> None:
    """Let every call through."""


def with_faults(port: P, name: str, hook: FaultHook) -> P:
    """Return the port with `hook` around each of its calls, named `name.method`.

    Coroutine methods are hooked, and the async context managers in `_BLOCKS`. Everything else
    (plain methods, attributes, waiting for a turn) makes no call and is passed through.
    """
    return cast("P", _FaultProxy(port, name, hook))


@dataclass(frozen=True, kw_only=True)
class _Block:
    """The calls of a method that returns an async context manager, besides entering it.

    `item` names a step of the iterator that it yields, `end` the call when the block ends without
    an error. With `pushed` an item is not requested and has no reply: it arrives or is lost.
    """

    item: str = ""
    end: str = ""
    pushed: bool = False


_BLOCKS = {
    "events.listen": _Block(item="events.next"),
    "host.output": _Block(item="host.output.next"),
    "outbox.batch": _Block(end="outbox.commit"),
    "records.pages": _Block(item="records.page"),
    "outbox.wakeups": _Block(item="outbox.notify", pushed=True),
}


class _FaultProxy:
    """A proxy for a port, which passes on everything that it does not hook."""

    def __init__(self, port: object, name: str, hook: FaultHook) -> None:
        self.__port, self.__name, self.__hook = port, name, hook

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self.__port, attribute)
        call = f"{self.__name}.{attribute}"
        if iscoroutinefunction(found):
            return partial(_hooked, self.__hook, call, found)
        if block := _BLOCKS.get(call):
            return partial(_hooked_block, self.__hook, call, block, found)
        return found


async def _hooked(
    hook: FaultHook, call: str, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
) -> Any:
    await hook(call)
    result = await method(*args, **kwargs)
    await hook(f"{call}:done")
    return result


@asynccontextmanager
async def _hooked_block(
    hook: FaultHook,
    call: str,
    block: _Block,
    method: Callable[..., AbstractAsyncContextManager[Any]],
    *args: Any,
    **kwargs: Any,
) -> AsyncIterator[Any]:
    await hook(call)
    async with method(*args, **kwargs) as inside:
        if not block.pushed:
            await hook(f"{call}:done")
        yield _HookedItems(inside, hook, block) if block.item else inside
        if block.end:
            await hook(block.end)
    if block.end:
        await hook(f"{block.end}:done")


@dataclass(frozen=True)
class _HookedItems:
    """An async iterator whose steps are hooked like calls."""

    items: AsyncIterator[Any]
    hook: FaultHook
    block: _Block

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self.block.pushed:
            item = await anext(self.items)
            await self.hook(self.block.item)
            return item
        return await _hooked(self.hook, self.block.item, self.items.__anext__)
