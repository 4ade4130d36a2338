"""The nodes of a Swarm: all of them, one with its games, and what operators say of one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from rtmanager.client import ClientError, Node, NotFound, Unauthorized
from rtmanager.console.shared import Shared
from rtmanager.console.visit import Visit

WORDS = ("lost", "drain", "activate")
NODES_AGE = 2.0
"""Seconds for which pages that hear of events share a list: each is one of all containers."""


@dataclass(frozen=True, slots=True)
class NodePages:
    """The pages of nodes, whose visitors share what was found out."""

    _nodes: Shared[Sequence[Node]] = field(default_factory=Shared)

    async def nodes(self, visit: Visit) -> Response:
        """Show all nodes."""
        found = await self._all(visit)
        return visit.state("nodes.html", _version(found), nodes=found)

    async def node(self, visit: Visit) -> Response:
        """Show one node with its games."""
        found = _named(visit, await self._all(visit))
        return visit.state("node.html", _version([found]), node=found)

    async def _all(self, visit: Visit) -> Sequence[Node]:
        # Whoever comes by himself sees what he has just said; pages that hear of events share.
        is_told_of_an_event = isinstance(visit.as_of, str)
        moment = int(time.monotonic() / NODES_AGE) if is_told_of_an_event else visit.as_of
        return await self._nodes.get((visit.calls.token, moment), visit.calls.nodes)


async def ask(visit: Visit) -> Response:
    """Ask whether to say it."""
    return _asked(visit, _named(visit, await visit.calls.nodes()), {})


async def say(visit: Visit) -> Response:
    """Say it of the node."""
    node, form = _named(visit, await visit.calls.nodes()), await visit.form()
    if _word(visit) == "lost" and "is_off" not in form:
        fault = "Nothing was done: say that the machine is off, or cancel."
        return _asked(visit, node, form, fault=fault, status=400)
    try:
        await visit.calls.say_of_node(node.node_id, _word(visit), form.get("reason") or None)
    except Unauthorized:
        raise
    except ClientError as error:
        return _asked(visit, node, form, fault=error, status=error.status or 503)
    return visit.redirect(f"/console/nodes/{quote(node.node_id, safe='')}")


def _asked(
    visit: Visit,
    node: Node,
    form: Mapping[str, str],
    *,
    fault: ClientError | str | None = None,
    status: int = 200,
) -> Response:
    return visit.page(
        "node_word.html", status=status, word=_word(visit), node=node, form=form, fault=fault
    )


def _named(visit: Visit, nodes: Sequence[Node]) -> Node:
    """Return the node with the id in the path, or else with this name."""
    wanted = visit.node_name
    found = [each for each in nodes if each.node_id == wanted]
    found += [each for each in nodes if each.name == wanted]
    if not found:
        raise NotFound(f"there is no node {wanted}", request_id=visit.calls.request_id)
    return found[0]


def _word(visit: Visit) -> str:
    return str(visit.request.path_params["action"])


def _version(nodes: Sequence[Node]) -> str:
    return repr([each.json for each in nodes])
