"""The Swarm: its managers answer and know each other, its network and its nodes are fit."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.swarm.checkup import (
    ManagerFacts,
    NetworkFacts,
    NodeFacts,
    SwarmFacts,
    manager_facts,
    swarm_facts,
)
from rtmanager.bootstrap.advice import docker_advice
from rtmanager.bootstrap.doctor.clocks import check_clock
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.bootstrap.platforms import docker_clients
from rtmanager.config import Settings
from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError
from rtmanager.domain.node import NodeMark

LONGEST = 5.0
"""Seconds that a manager has for its answer."""
ROOM = 1024
"""Addresses that a network should have: every engine takes one, and so does every node."""
_KEEPS_PRIVILEGES_FROM = 25
"""The Docker whose services can refuse new privileges."""
_ENOUGH_MANAGERS = 3
_SHOWN = 5
_JOIN = (
    "`docker swarm init` on one host, `docker swarm join` on the others; or, for one host, "
    "RTMANAGER_PLATFORM=docker"
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a daemon has answered, and when it was asked."""

    host: str
    asked: datetime
    facts: ManagerFacts | RuntimeManagerError
    swarm: SwarmFacts | None = None


async def check_swarm(settings: Settings) -> AsyncIterator[Finding]:
    """Ask every manager that is named about itself, and one about the Swarm."""
    answers = await _ask(settings)
    is_any_fit = any(each.swarm is not None for each in answers)
    for each in answers:
        for finding in _manager(each, is_any_fit=is_any_fit):
            yield finding
    swarm = next((each.swarm for each in answers if each.swarm is not None), None)
    if swarm is None:
        return
    for finding in _about(swarm, settings.docker_network, named=len(answers)):
        yield finding


async def _ask(settings: Settings) -> Sequence[_Answer]:
    clients = docker_clients(settings)
    try:
        return await asyncio.gather(
            *(_answer(each.host, each, settings.docker_network) for each in clients)
        )
    finally:
        for each in clients:
            await each.aclose()


async def _answer(host: str, client: DockerClient, network: str) -> _Answer:
    asked = datetime.now(UTC)
    try:
        async with asyncio.timeout(LONGEST):
            facts = await manager_facts(client)
            swarm = await swarm_facts(client, network) if facts.is_manager else None
    except RuntimeManagerError as error:
        return _Answer(host, asked, error)
    except TimeoutError:
        silent = DockerUnavailable(f"no answer of {host} within {LONGEST:g} s")
        return _Answer(host, asked, silent)
    return _Answer(host, asked, facts, swarm)


def _manager(answer: _Answer, *, is_any_fit: bool) -> Iterator[Finding]:
    """Say what one daemon is; while another one is fit, it is only a warning."""
    bad = Finding.warning if is_any_fit else Finding.fault
    facts = answer.facts
    if isinstance(facts, RuntimeManagerError):
        yield bad("swarm", facts.message.rstrip("."), docker_advice(facts, answer.host))
        return
    if facts.swarm_state != "active":
        text = f"the Docker at {answer.host} is in no Swarm (its state is {facts.swarm_state})"
        yield bad("swarm", text, _JOIN)
    elif not facts.is_manager:
        text = f"{facts.name} ({answer.host}) is a worker, and only managers answer"
        remedy = f"`docker node promote {facts.name}`, or name managers in RTMANAGER_DOCKER_HOST"
        yield bad("swarm", text, remedy)
    else:
        about = f"version {facts.version}, API {facts.api_version}, storage {facts.storage_driver}"
        yield Finding.ok("swarm", f"the manager {facts.name} answers: {about}")
    if facts.time is not None:
        yield check_clock(facts.name, facts.time, answer.asked)


def _about(swarm: SwarmFacts, network: str, *, named: int) -> Iterator[Finding]:
    yield from _managers([each for each in swarm.nodes if each.reachability], named)
    yield from _network(swarm.network, network)
    yield from _nodes(swarm.nodes)
    yield _privileges(swarm.nodes)


def _managers(managers: Sequence[NodeFacts], named: int) -> Iterator[Finding]:
    """Say whether the Swarm outlives the loss of a manager, and the service too."""
    count = len(managers)
    silent = [each.name for each in managers if each.reachability == "unreachable"]
    if silent:
        left = (count - 1) // 2 - len(silent)
        text = f"of {count} managers {_listed(silent)} cannot be reached; {max(left, 0)} more may "
        remedy = "start it, or replace it (`docker node demote`, `docker node promote`)"
        yield Finding.warning("managers", f"{text}be lost", remedy)
    elif count < _ENOUGH_MANAGERS:
        text = "there is 1 manager" if count == 1 else f"there are {count} managers"
        remedy = (
            "`docker node promote` others, so that there are three or five on hosts of their own"
        )
        yield Finding.warning("managers", f"{text}: without one nothing can be changed", remedy)
    else:
        yield Finding.ok("managers", f"{count} managers, all of them reachable")
    if named < count:
        text = f"RTMANAGER_DOCKER_HOST names {named} of {count} managers"
        remedy = "name all of them: the next one is asked when one does not answer"
        yield Finding.warning("managers", text, remedy)


def _network(facts: NetworkFacts | None, name: str) -> Iterator[Finding]:
    create = f"`docker network create --driver overlay --attachable --subnet 10.20.0.0/16 {name}`"
    if facts is None:
        text = f"the network {name} does not exist"
        yield Finding.fault("network", text, f"{create}, or set RTMANAGER_DOCKER_NETWORK")
        return
    if facts.driver != "overlay":
        text = f"the network {name} is no overlay ({facts.driver}): it is on one host only"
        yield Finding.fault("network", text, f"remove it, then {create}")
        return
    faults = list(_unfit(facts, name))
    for text in faults:
        yield Finding.warning("network", text, f"remove it while no game runs, then {create}")
    if not faults:
        yield Finding.ok("network", f"{name} is an attachable overlay with room for many engines")


def _unfit(facts: NetworkFacts, name: str) -> Iterator[str]:
    if facts.addresses is not None and facts.addresses < ROOM:
        yield f"{name} has {facts.addresses} addresses; every engine and every node takes one"
    if not facts.is_attachable:
        yield f"{name} is not attachable: only services reach engines on it, no plain container"


def _nodes(nodes: Sequence[NodeFacts]) -> Iterator[Finding]:
    for each in nodes:
        if each.state != "ready":
            text = f"{each.name} is {each.state}: whether its engines run is not known"
            remedy = "look at it; `rtmanager node list` says what to do about its games"
            yield Finding.warning("nodes", text, remedy)
        elif each.availability != "active":
            text = f"Swarm places nothing on {each.name} (availability {each.availability})"
            remedy = f"`docker node update --availability active {each.name}`"
            yield Finding.warning("nodes", text, remedy)
        elif NodeMark.DRAIN in each.marks:
            remedy = f"`rtmanager node activate {each.name}` lets games on it again"
            yield Finding.warning("nodes", f"{each.name} is drained", remedy)
    fit = [each for each in nodes if each.state == "ready" and each.availability == "active"]
    if fit:
        yield Finding.ok("nodes", f"{len(fit)} of {len(nodes)} nodes are ready")
        return
    remedy = "start Docker on them, or `docker node update --availability active`"
    yield Finding.fault("nodes", "no node is ready: no game can be placed", remedy)


def _privileges(nodes: Sequence[NodeFacts]) -> Finding:
    """Say on which nodes an engine could gain privileges by a setuid program of its image."""
    old = [each.name for each in nodes if _major(each) < _KEEPS_PRIVILEGES_FROM]
    if not old:
        return Finding.ok("privileges", "no engine can gain any (no-new-privileges)")
    text = (
        f"Docker before {_KEEPS_PRIVILEGES_FROM}.0 ignores no-new-privileges of services, as on "
        f"{_listed(old)}; whether their daemons set it cannot be seen"
    )
    remedy = 'put "no-new-privileges": true into /etc/docker/daemon.json there, and restart Docker'
    return Finding.warning("privileges", text, remedy)


def _major(node: NodeFacts) -> int:
    found = re.match(r"\d+", node.engine_version)
    return int(found[0]) if found else 0


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
