"""The stack of deploy/stack.yaml on a Swarm of three managers, deployed as its first lines say."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dev.debian_packages import require_command
from dev.swarm.cluster import Cluster
from dev.swarm.namespaces import inside
from dev.swarm.node import Node, copy_images
from dev.swarm.store import STORE, claim
from dev.swarm.switch import NETWORK as NODES
from tests.deployment.local_images import LocalImages, fetch_wheels
from tests.deployment.stack import CHECKOUT, USER, remove_images
from tests.support.calls import wait_until
from tests.support.run import PROJECT, Say, run_name
from tests.support.running_service import NO_TLS

SOCKET = "/var/run/docker.sock"
STACK, SERVICE, NETWORK = "galaxy", "galaxy_rtmanager", "galaxy-net"
ADDRESSES = "10.96.0.0/20"
READY_WITHIN = 90.0
_PORT = 8096


class StackCluster(Cluster):
    """Three managers, each with its socket where the stack's file says, in a /run of its own."""

    def boot(self, node: Node, echo: Callable[[str], None]) -> None:
        """Start a node that is off."""
        options = ["--host", "unix:///run/docker.sock", "--insecure-registry", NODES]
        node.start(self.switch.connect, echo, *options)


@dataclass(frozen=True)
class SwarmStack:
    """The stack, deployed on a Swarm."""

    cluster: StackCluster
    state_root: Path
    token: str

    @property
    def nodes(self) -> Sequence[Node]:
        """The managers."""
        return self.cluster.nodes

    def request(self, node: Node, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the port of one manager; the options are those of httpx."""
        options.setdefault("headers", {"Authorization": f"Bearer {self.token}"})
        with inside(node.machine.network()):
            url = f"http://127.0.0.1:{_PORT}{path}"
            return httpx.request(method, url, verify=NO_TLS, trust_env=False, timeout=90, **options)

    def is_ready(self, node: Node) -> bool:
        """Return whether the replica on a manager is ready."""
        try:
            return self.request(node, "GET", "/readyz").is_success
        except httpx.TransportError:
            return False

    def ready(self) -> list[str]:
        """Return the managers whose replicas are ready."""
        return [node.name for node in self.nodes if self.is_ready(node)]

    def wait_until_ready(self) -> None:
        """Wait until every replica is ready; show the service's tasks if one is not."""
        try:
            wait_until(lambda: len(self.ready()) == len(self.nodes), seconds=READY_WITHIN)
        except AssertionError:
            tasks = self.docker("service", "ps", "--no-trunc", SERVICE)
            raise AssertionError(tasks + self.docker("service", "logs", SERVICE)) from None

    def docker(self, *arguments: str, **variables: str) -> str:
        """Run a docker command on the first manager and return its output."""
        made = subprocess.run(
            ["docker", "--host", self.nodes[0].docker_host, *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
        return made.stdout

    def containers(self, node: Node, **filters: str) -> list[dict[str, Any]]:
        """Return the containers on a node."""
        with node.api() as api:
            return list(api.containers(filters=filters))

    @contextmanager
    def without_storage(self, node: Node) -> Iterator[None]:
        """Let the node have an empty directory in the place of the games' storage."""
        mount = ["mount", "-t", "tmpfs", "tmpfs", str(self.state_root)]
        self._on(node, *mount)
        try:
            yield
        finally:
            self._on(node, "umount", str(self.state_root))

    def _on(self, node: Node, *command: str) -> None:
        mounts = f"--mount=/proc/{node.machine.pid()}/ns/mnt"
        subprocess.run(["nsenter", mounts, *command], check=True)


@contextmanager
def swarm_stack(directory: Path, docker_host: str, api: Any, say: Say) -> Iterator[SwarmStack]:
    """Build the image, start a Swarm and deploy the stack for the block; nothing of it stays."""
    require_command("docker", "docker.io", say)
    images = LocalImages.of_this_run()
    cluster = StackCluster(STORE / f"{run_name()}-stack")
    with ExitStack() as made:
        made.callback(remove_images, images.python, api)
        images.make(directory, say)
        image = _build(directory / "checkout", images, say)
        claim(cluster.directory, os.getpid())
        made.callback(cluster.remove)
        cluster.start(say)
        for node in cluster.nodes:
            copy_images(docker_host, node.docker_host, image)
        for name in (images.postgres, images.valkey):
            copy_images(docker_host, cluster.nodes[0].docker_host, name)
        stack = SwarmStack(cluster, directory / "games", _new_token(directory))
        _start_servers(stack, images, directory)
        _deploy(stack, api.inspect_image(image)["Id"], directory)
        stack.wait_until_ready()
        yield stack


def _build(checkout: Path, images: LocalImages, say: Say) -> str:
    """Build the service's image of this checkout, from wheels alone."""
    checkout.mkdir()
    for name in CHECKOUT:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, checkout / name)
    shutil.copytree(fetch_wheels(say), checkout / "wheelhouse")
    name = f"{run_name()}/rtmanager-of-stack:latest"
    arguments = ["--build-arg", f"BASE={images.python}", "--build-arg", "PIP_NO_INDEX=1"]
    build = ["docker", "build", "--quiet", "--force-rm", "--network", "none", "--tag", name]
    subprocess.run([*build, *arguments, str(checkout)], check=True, capture_output=True)
    return name


def _new_token(directory: Path) -> str:
    """Make the file of tokens with one caller's, and return it."""
    program = Path(sys.executable).with_name("rtmanager")
    made = subprocess.run(
        [str(program), "token", "operator", "--source", "admin"],
        check=True,
        capture_output=True,
        text=True,
    )
    (directory / "api_tokens").write_text(made.stdout)
    return made.stderr.split()[-1]


def _start_servers(stack: SwarmStack, images: LocalImages, directory: Path) -> None:
    """Start Postgres and Valkey on the first node, at its address."""
    secrets = directory / "secrets"
    subprocess.run([str(PROJECT / "deploy/make_secrets.sh"), str(secrets)], check=True)
    secrets.chmod(0o755)
    run = ("run", "--detach", "--network", "host", "--volume", f"{secrets}:/secrets:ro")
    postgres = ("POSTGRES_USER=rtmanager", "POSTGRES_PASSWORD_FILE=/secrets/postgres_password")
    stack.docker(*run, *(each for one in postgres for each in ("--env", one)), images.postgres)
    users = ("--protected-mode", "no", "--aclfile", "/secrets/valkey_users")
    stack.docker(*run, images.valkey, "valkey-server", *users)


def _deploy(stack: SwarmStack, image: str, directory: Path) -> None:
    """Do what the first lines of deploy/stack.yaml say."""
    node = stack.nodes[0]
    stack.state_root.mkdir(mode=0o700)
    os.chown(stack.state_root, USER, USER)
    overlay = ("--driver", "overlay", "--attachable", "--internal", "--subnet", ADDRESSES)
    stack.docker("network", "create", *overlay, NETWORK)
    for name in ("postgres_password", "redis_password"):
        stack.docker("secret", "create", f"galaxy_{name}", str(directory / "secrets" / name))
    stack.docker("secret", "create", "galaxy_api_tokens", str(directory / "api_tokens"))
    address = node.machine.address
    stack.docker(
        *("stack", "deploy", "--compose-file", str(PROJECT / "deploy/stack.yaml")),
        # The image has no registry; its id is the same on every node.
        *("--resolve-image", "never", STACK),
        GALAXY_IMAGE=image,
        DOCKER_GID=str(node.machine.path(SOCKET).stat().st_gid),
        GALAXY_POSTGRES_DSN=f"postgresql://rtmanager@{address}/rtmanager"
        "?options=-csearch_path%3Drtmanager",
        GALAXY_REDIS_ADDR=f"{address}:6379",
        GALAXY_STATE_ROOT=str(stack.state_root),
    )
