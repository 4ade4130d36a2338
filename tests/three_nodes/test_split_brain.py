"""What these tests are able to see: Swarm alone lets two engines write one state."""

from pathlib import Path
from typing import Any

from dev.checkout import NETWORK
from dev.swarm.cluster import Cluster
from tests.support.calls import wait_until
from tests.support.writers import SCRIPT, two_at_once, writers

MOVED_WITHIN = 60.0


def test_swarm_starts_a_second_writer_when_a_node_is_cut_off(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A service with Swarm's own restarts has two engines, and the record of writers shows both."""
    tmp_path.chmod(0o777)
    (tmp_path / "record").write_text(SCRIPT)
    (tmp_path / "record").chmod(0o755)
    with cluster.nodes[0].api() as api:
        service = _add(api, tmp_path)
        wait_until(lambda: len(writers(tmp_path)) == 1, seconds=MOVED_WITHIN)
        task = api.tasks({"service": service})[0]
        name = api.inspect_node(task["NodeID"])["Description"]["Hostname"]
    node = next(each for each in cluster.nodes if each.name == name)

    cluster.cut_off(node)
    wait_until(lambda: bool(two_at_once(tmp_path)), seconds=MOVED_WITHIN)
    cluster.rejoin(node)


def _add(api: Any, state: Path) -> str:
    """Run the recording engine as a service that Swarm restarts, on any node; return its id."""
    image = api.inspect_image("galaxy/game:1.4.7")["Id"]
    mounts = [{"Type": "bind", "Source": str(state), "Target": "/var/lib/galaxy-game"}]
    container = {
        "Image": image,
        "Command": ["/var/lib/galaxy-game/record"],
        "Mounts": mounts,
        "Init": True,
        "Healthcheck": {"Test": ["NONE"]},
    }
    spec = {
        "Name": "split",
        "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": NETWORK}]},
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    answer = api._post_json(api._url("/services/create"), data=spec)  # noqa: SLF001 - the SDK hides
    return str(api._result(answer, json=True)["ID"])  # noqa: SLF001 - half of a specification
