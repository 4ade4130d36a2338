"""An engine on a node that was removed from the Swarm: nobody knows whether it runs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import refuse_out_of_reach
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.ports.container_host import DockerUnavailable

AT = "2026-11-29T21:00:00Z"
NOW = datetime(2026, 11, 29, 22, tzinfo=UTC)
SERVICE: dict[str, Any] = {
    "ID": "abc",
    "Version": {"Index": 1},
    "CreatedAt": AT,
    "UpdatedAt": AT,
    "Spec": {
        "Name": "galaxy-1",
        "Labels": {"com.galaxy.name": "galaxy-game-x"},
        "Mode": {"Replicated": {"Replicas": 1}},
        "TaskTemplate": {"ContainerSpec": {"Image": "sha256:1"}, "ForceUpdate": 1},
    },
}
ORPHANED = Task.read(
    {
        "ID": "t",
        "ServiceID": "abc",
        "NodeID": "n9",
        "CreatedAt": AT,
        "UpdatedAt": AT,
        "Status": {"State": "orphaned", "Timestamp": AT},
        "DesiredState": "shutdown",
        "Spec": {"ForceUpdate": 1},
    }
)
VIEW = ServiceView(SERVICE, [ORPHANED], {}, "galaxy-net", NOW)


def test_it_counts_as_running_and_out_of_reach() -> None:
    """Swarm calls its task orphaned, and the engine runs on."""
    found = VIEW.details()

    assert (found.status, found.is_out_of_reach) == (ContainerStatus.RUNNING, True)
    assert not found.ended_with_node


def test_the_refusal_says_what_to_do() -> None:
    """There is no node any more that anybody could vouch for."""
    with pytest.raises(DockerUnavailable, match=r"no longer in the Swarm.*docker service rm abc"):
        refuse_out_of_reach(VIEW)
