"""The endpoints of both contracts, on the use cases of the service."""

from collections.abc import Mapping

from rtmanager.bootstrap.use_cases import UseCases
from rtmanager.domain.insight.event_feed import MAX_SUBSCRIPTIONS
from rtmanager.domain.insight.operation_ends import MAX_WAITING
from rtmanager.handlers import internal_endpoints, operator_endpoints
from rtmanager.handlers.endpoint import Handler
from rtmanager.handlers.operator.games import Games
from rtmanager.handlers.operator.nodes import Nodes
from rtmanager.handlers.operator.operations import OperationLog
from rtmanager.handlers.operator.overview import Overview
from rtmanager.handlers.operator.service import ServiceState
from rtmanager.handlers.runtimes import Probes, Runtimes


def endpoints(
    cases: UseCases, *, max_streams: int = MAX_SUBSCRIPTIONS, max_waits: int = MAX_WAITING
) -> Mapping[str, Handler]:
    """Return the endpoint of every operationId of both contracts."""
    return {
        **internal_endpoints(
            runtimes=Runtimes(cases.operations, cases.read), probes=Probes(cases.readiness)
        ),
        **operator_endpoints(
            overview=Overview(cases.overview),
            games=Games(cases.health, cases.read_logs, cases.explain),
            operations=OperationLog(cases.log, max_waits),
            service=ServiceState(cases.feed, cases.drift, cases.workers, max_streams),
            nodes=Nodes(cases.nodes, cases.mark_nodes),
        ),
    }
