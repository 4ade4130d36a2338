"""All checks: side by side, each for a few seconds at most, in the order of the report."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from rtmanager.bootstrap.doctor.docker import check_docker
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.bootstrap.doctor.names import check_names
from rtmanager.bootstrap.doctor.postgres import check_postgres
from rtmanager.bootstrap.doctor.pulls import check_pulls
from rtmanager.bootstrap.doctor.redis import check_redis
from rtmanager.bootstrap.doctor.running_service import check_running_service
from rtmanager.bootstrap.doctor.state_root import check_state_root
from rtmanager.bootstrap.named_files import file_faults
from rtmanager.config import ConfigError, Fault, Settings

Check = Callable[[Settings], AsyncIterator[Finding]]

LONGEST = 8.0
"""Seconds after which a check is given up."""

CHECKS: Mapping[str, Check] = {
    "dns": check_names,
    "postgres": check_postgres,
    "redis": check_redis,
    "docker": check_docker,
    "pulls": check_pulls,
    "state root": check_state_root,
    "service": check_running_service,
}


async def examine(environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Yield what is found; without valid settings nothing else can be checked."""
    try:
        settings = Settings.from_environment(environment)
    except ConfigError as error:
        for fault in error.faults:
            yield _fault_of(fault)
        return
    files = [_fault_of(each) for each in file_faults(settings)]
    yield Finding.ok("settings", "valid; `rtmanager check-config` shows them")
    for each in files:
        yield each
    begun = [asyncio.create_task(_bounded(name, check, settings)) for name, check in CHECKS.items()]
    for task in begun:
        for each in await task:
            yield each


def _fault_of(fault: Fault) -> Finding:
    text = f"{fault.variable} {fault.problem}"
    return Finding.fault("settings", text, f"accepted: {fault.accepted}")


async def _bounded(name: str, check: Check, settings: Settings) -> Sequence[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(LONGEST):
            found.extend([each async for each in check(settings)])
    except TimeoutError:
        found.append(
            Finding.fault(
                name, f"no answer within {LONGEST:g} s", "check that it is not overloaded"
            )
        )
    return found
