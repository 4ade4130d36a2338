"""What doctor says about a Swarm, from what its managers say."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from rtmanager.adapters.swarm.checkup import ManagerFacts, NetworkFacts, NodeFacts, SwarmFacts
from rtmanager.bootstrap.doctor import Finding, Severity, swarm
from rtmanager.config import Settings
from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError
from rtmanager.domain.node import NodeMark

NETWORK = NetworkFacts(driver="overlay", is_attachable=True, addresses=65536)
OK, WARNING, FAULT = Severity.OK, Severity.WARNING, Severity.FAULT


def node(name: str = "n1", **more: Any) -> NodeFacts:
    """Return a manager that is ready, with a Docker that keeps engines from new privileges."""
    plain = {"state": "ready", "availability": "active", "reachability": "reachable"}
    return NodeFacts(**{"name": name, **plain, "engine_version": "27.5.1", "marks": (), **more})


def three() -> list[NodeFacts]:
    """Return three managers."""
    return [node(each) for each in ("n1", "n2", "n3")]


def found(
    nodes: Sequence[NodeFacts] = (), network: NetworkFacts | None = NETWORK, named: int = 3
) -> list[Finding]:
    """Return what is found of a Swarm; without nodes it has three managers."""
    facts = SwarmFacts(nodes=nodes or three(), network=network)
    return list(swarm._about(facts, "galaxy-net", named=named))  # noqa: SLF001 - the rules


def only(findings: list[Finding], check: str) -> Finding:
    """Return the one finding of a check that is not fine."""
    (one,) = [each for each in findings if each.check == check and each.severity is not OK]
    return one


def test_good_swarm_needs_nothing() -> None:
    """Each line is fine, and none is missing."""
    assert [(each.check, each.severity) for each in found()] == [
        ("managers", OK),
        ("network", OK),
        ("nodes", OK),
        ("privileges", OK),
    ]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node()], "there is 1 manager"),
        ([node("a"), node("b")], "there are 2 managers"),
        (
            [*three(), node("n4", reachability="unreachable", state="down"), node("n5")],
            "of 5 managers n4 cannot be reached; 1 more may be lost",
        ),
        (
            [node("a"), node("b"), node("c", reachability="unreachable")],
            "of 3 managers c cannot be reached; 0 more may be lost",
        ),
    ],
)
def test_swarm_that_does_not_outlive_a_manager_is_found(nodes: list[NodeFacts], words: str) -> None:
    """Three managers bear the loss of one, and the remedy makes three of fewer."""
    said = only(found(nodes, named=9), "managers")

    assert (said.severity, words in said.text) == (WARNING, True)
    assert "docker node promote" in said.remedy


def test_managers_that_the_service_does_not_know_are_found() -> None:
    """It asks the next one only if that is named; workers need not be."""
    workers = [node("w", reachability="")]
    said = only(found([*three(), *workers], named=1), "managers")

    assert said.text == "RTMANAGER_DOCKER_HOST names 1 of 3 managers"


@pytest.mark.parametrize(
    ("network", "severity", "words"),
    [
        (None, FAULT, "does not exist"),
        (NetworkFacts(driver="bridge", is_attachable=True, addresses=256), FAULT, "no overlay"),
        (NetworkFacts(driver="overlay", is_attachable=False, addresses=None), WARNING, "attach"),
        (NetworkFacts(driver="overlay", is_attachable=True, addresses=256), WARNING, "256 addr"),
    ],
)
def test_network_that_is_not_fit_is_found(
    network: NetworkFacts | None, severity: Severity, words: str
) -> None:
    """The remedy is the command that makes a good one."""
    said = only(found(network=network), "network")

    assert (said.severity, words in said.text) == (severity, True)
    assert "--driver overlay --attachable" in said.remedy


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({"state": "down"}, "n9 is down", "rtmanager node list"),
        ({"availability": "drain"}, "places nothing on n9", "--availability active n9"),
        ({"marks": (NodeMark.DRAIN,)}, "n9 is drained", "rtmanager node activate n9"),
    ],
)
def test_node_that_takes_no_games_is_found(
    changes: dict[str, Any], words: str, remedy: str
) -> None:
    """The others are counted all the same."""
    findings = found([*three(), node("n9", reachability="", **changes)])
    said = only(findings, "nodes")

    assert (said.severity, words in said.text, remedy in said.remedy) == (WARNING, True, True)
    assert findings[-2].severity is OK


def test_swarm_without_a_ready_node_is_a_fault() -> None:
    """Nothing could be started."""
    down = [node(each, state="down") for each in ("a", "b", "c")]

    assert found(down)[-2].severity is FAULT


def test_engines_that_may_gain_privileges_are_found() -> None:
    """An old Docker ignores what the service asks for; the remedy is the daemon's own setting."""
    old = [node(f"n{number}", engine_version="20.10.24+dfsg1") for number in range(7)]
    said = only(found([*old, node("new"), node("odd", engine_version="")]), "privileges")

    assert "n0, n1, n2, n3, n4 and 3 more" in said.text
    assert '"no-new-privileges": true' in said.remedy


def manager(**more: Any) -> ManagerFacts:
    """Return a manager that answers."""
    plain = {"name": "n1", "version": "27", "api_version": "1.47", "storage_driver": "overlay2"}
    return ManagerFacts(
        **{**plain, "time": None, "swarm_state": "active", "is_manager": True, **more}
    )


@pytest.mark.parametrize(
    ("facts", "words", "remedy"),
    [
        (manager(swarm_state="inactive", is_manager=False), "in no Swarm", "docker swarm init"),
        (manager(is_manager=False), "n1 (tcp://n1:2375) is a worker", "docker node promote n1"),
        (DockerUnavailable("no answer"), "no answer", "RTMANAGER_DOCKER_HOST"),
    ],
)
@pytest.mark.parametrize("is_any_fit", [False, True])
def test_daemon_that_is_no_manager_is_found(
    facts: ManagerFacts | RuntimeManagerError, words: str, remedy: str, *, is_any_fit: bool
) -> None:
    """A fault if no other one can be asked, else a warning."""
    answer = swarm._Answer("tcp://n1:2375", datetime.now(UTC), facts)  # noqa: SLF001
    (said,) = swarm._manager(answer, is_any_fit=is_any_fit)  # noqa: SLF001

    assert said.severity is (WARNING if is_any_fit else FAULT)
    assert (words in said.text, remedy in said.remedy) == (True, True)


async def test_every_address_is_asked() -> None:
    """Each that cannot be reached is a fault while none can."""
    given = Settings.from_environment(
        {
            "RTMANAGER_PLATFORM": "swarm",
            "RTMANAGER_DOCKER_HOST": "unix:///none/1,unix:///none/2",
            "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm@127.0.0.1:9/galaxy",
            "RTMANAGER_REDIS_MASTER_ADDR": "127.0.0.1:9",
            "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
        }
    )
    findings = [each async for each in swarm.check_swarm(given)]

    assert [each.severity for each in findings] == [FAULT, FAULT]
    assert ["/none/1" in findings[0].text, "/none/2" in findings[1].text] == [True, True]
