"""Three nodes with a service on each, many games on them, and what can happen to nodes."""

import io
import tarfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from docker.errors import DockerException
from requests.exceptions import RequestException

from dev.swarm.cluster import Cluster
from dev.swarm.node import Node, copy_images
from tests.support.calls import ok, side_by_side, wait_until
from tests.support.docker import build_image
from tests.support.environment import Environment, Row, new_game
from tests.support.running_service import RUNTIMES, RunningService
from tests.support.writers import SCRIPT, Writer, two_at_once, writers

NODES = "/api/v1/operator/nodes"
REPOSITORY = "galaxy/recording-game"
RECORDING = f"{REPOSITORY}:1.4.7"
STARTS_AT_ONCE = 12
CHECK_SECONDS = 0.5
LEADER_WITHIN = 60.0
DOWN_WITHIN = 40.0
"""Seconds in which a Swarm notices that a node is silent, and the service with it."""


@dataclass
class Front:
    """What stands before several services: a request goes to the first that is ready."""

    services: Sequence[RunningService]
    _ready: list[RunningService] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch them."""
        self._thread = threading.Thread(target=self._watch, name="front")
        self._thread.start()

    def stop(self) -> None:
        """End that."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request; raises TransportError when no service is there."""
        service = next(iter(self._ready), self.services[0])
        return service.request(method, path, **options)

    def _watch(self) -> None:
        while not self._end.wait(CHECK_SECONDS):
            self._ready = [each for each in self.services if _is_ready(each)]


def _is_ready(service: RunningService) -> bool:
    try:
        return service.request("GET", "/readyz", timeout=2).is_success
    except httpx.TransportError:
        return False


@dataclass
class Lab:
    """The Swarm, its services and its games."""

    cluster: Cluster
    services: Mapping[str, RunningService]
    environment: Environment
    games: list[str] = field(default_factory=list)

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes."""
        return self.cluster.nodes

    def add_recording_image(self) -> None:
        """Put the image of the recording engine on every node."""
        first, *others = self.nodes
        with first.api() as api:
            build_image(api, RECORDING, ['CMD ["/engine/record"]'], {"/engine": _script()})
        for other in others:
            copy_images(first.docker_host, other.docker_host, REPOSITORY)

    def start(self, count: int) -> list[str]:
        """Start so many games, several at a time."""
        games = [new_game() for _ in range(count)]
        self.games += games
        for answer in side_by_side(self.start_game, games, most=STARTS_AT_ONCE):
            ok(answer)
        return games

    def start_game(self, game: str) -> httpx.Response:
        """Start one game with the recording engine."""
        body = {"image_ref": RECORDING}
        return self.environment.call("POST", f"{RUNTIMES}/{game}/start", body)

    def said(self, node: Node, what: str) -> Row:
        """Say of a node that it is lost, to be drained or active, and return it."""
        return ok(self.environment.call("POST", f"{NODES}/{node.name}/{what}"))

    def shown(self, node: Node) -> Row:
        """Return the node as operators see it."""
        items = ok(self.environment.call("GET", NODES))["items"]
        return next(dict(each) for each in items if each["name"] == node.name)

    def games_on(self, node: Node) -> list[str]:
        """Return the games whose engines run on a node, or may."""
        return list(self.shown(node)["games"])

    def containers(self) -> dict[str, tuple[str, str]]:
        """Return status and container of every game, from the records."""
        rows = self.environment.rows("SELECT * FROM runtime_records")
        return {row["game_id"]: (row["status"], row["current_container_id"]) for row in rows}

    def wait_until_out_of_reach(self, node: Node) -> None:
        """Wait until the service knows that nobody hears of the node."""
        wait_until(lambda: self._is_out_of_reach(node), seconds=DOWN_WITHIN)

    def all_run(self, games: Sequence[str], *, but_not_on: Node | None = None) -> bool:
        """Return whether the games' engines run, each on a node that is not this one."""
        containers = self.containers()
        if any(containers.get(game, ("", ""))[0] != "running" for game in games):
            return False
        running = self.running_tasks()
        found = [running.get(containers[game][1], []) for game in games]
        return all(
            len(each) == 1 and (not but_not_on or each != [but_not_on.name]) for each in found
        )

    def running_tasks(self) -> dict[str, list[str]]:
        """Return by service the nodes on which it has a running task, by what managers hear."""
        found: dict[str, list[str]] = defaultdict(list)
        nodes = {each["ID"]: each for each in self._ask(lambda api: api.nodes())}
        for task in self._ask(lambda api: api.tasks({"desired-state": "running"})):
            node = nodes.get(task.get("NodeID", ""))
            is_heard = node is not None and node["Status"]["State"] == "ready"
            if node is not None and is_heard and task["Status"]["State"] == "running":
                found[task["ServiceID"]].append(node["Description"]["Hostname"])
        return found

    def starts(self, game: str) -> int:
        """Return how often the game's engine has counted a start in its state."""
        return int((self.environment.state(game) / "starts").read_text())

    def writers(self, game: str) -> Sequence[Writer]:
        """Return who has written the game's state."""
        return writers(self.environment.state(game))

    def two_writers(self) -> dict[str, Sequence[tuple[Writer, Writer]]]:
        """Return the games that had two writers at some moment; there must be none."""
        found = {game: two_at_once(self.environment.state(game)) for game in self.games}
        return {game: pairs for game, pairs in found.items() if pairs}

    def lose(self, node: Node) -> None:
        """Cut a node's power, and that of the service on it."""
        self.services[node.name].kill()
        self.cluster.power_off(node)

    def leader(self) -> Node:
        """Return the node whose manager leads the Swarm."""
        nodes = self._ask(lambda api: api.nodes())
        name = next(
            each["Description"]["Hostname"]
            for each in nodes
            if each.get("ManagerStatus", {}).get("Leader")
        )
        return next(node for node in self.nodes if node.name == name)

    def _is_out_of_reach(self, node: Node) -> bool:
        answer = self.environment.call("GET", NODES)
        found = answer.json()["items"] if answer.is_success else []
        return any(each["name"] == node.name and each["is_out_of_reach"] for each in found)

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """Return the first answer of a manager; for a while they may have no leader."""
        deadline = time.monotonic() + LEADER_WITHIN
        while time.monotonic() < deadline:
            for node in self.nodes[: self.cluster.managers]:
                if node.machine.is_on:
                    with suppress(DockerException, RequestException), node.api() as api:
                        return question(api)
            time.sleep(CHECK_SECONDS)
        raise AssertionError("no manager answers")


def _script() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("record")
        entry.size, entry.mode = len(SCRIPT), 0o755
        archive.addfile(entry, io.BytesIO(SCRIPT.encode()))
    return buffer.getvalue()
