"""The stack of deploy/compose.yaml, brought up by the commands of docs/deploying.md."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from docker.errors import ImageNotFound

from dev.debian_packages import require_command
from dev.free_port import free_port
from tests.deployment.local_images import LocalImages, fetch_wheels
from tests.support.calls import wait_until
from tests.support.run import PROJECT, Say, run_name
from tests.support.running_service import NO_TLS

CHECKOUT = (
    *("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "CHANGELOG.md"),
    *("requirements", "rtmanager", "spec", "deploy", "dev"),
)
"""What of the checkout the stack is made of."""
USER = 8096
"""The service's user in the image."""
READY_WITHIN = 60.0
SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True)
class Stack:
    """A stack that is up, and the checkout that it was built from."""

    checkout: Path
    variables: Mapping[str, str]
    api: Any

    @property
    def url(self) -> str:
        """Where callers on the host reach the service."""
        return f"http://127.0.0.1:{self.variables['GALAXY_PORT']}"

    @property
    def network(self) -> str:
        """The engines' network."""
        return f"{run_name()}-net"

    @property
    def state_root(self) -> Path:
        """The state root, on the host."""
        return Path(self.variables["GALAXY_STATE_ROOT"])

    @property
    def dsn(self) -> str:
        """The database, as the host reaches it."""
        (address,) = self.addresses("postgres")
        password = (self.checkout / "deploy/secrets/postgres_password").read_text()
        user = f"rtmanager:{password}"
        options = "options=-csearch_path%3Drtmanager"
        return f"postgresql://{user}@{address}/rtmanager?{options}"

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request to the published port; the options are those of httpx."""
        return httpx.request(method, f"{self.url}{path}", verify=NO_TLS, **options)

    def compose(self, *arguments: str) -> str:
        """Run docker-compose on the stack and return its output."""
        files = ["-f", "deploy/compose.yaml", "-f", "deploy/local.yaml"]
        made = subprocess.run(
            ["docker-compose", "-p", run_name(), *files, *arguments],
            cwd=self.checkout,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
        return made.stdout

    def wait_until_ready(self) -> None:
        """Wait until the service is ready; show the log of everything if it is not."""
        try:
            wait_until(self._is_ready, seconds=READY_WITHIN)
        except AssertionError:
            shown = self.compose("ps") + self.compose("logs", "--no-color", "--tail", "30")
            raise AssertionError(shown) from None

    def _is_ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").is_success
        except httpx.TransportError:
            return False

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what `docker inspect` shows of a service's only container."""
        return dict(self.api.inspect_container(self.compose("ps", "-q", service).strip()))

    def addresses(self, service: str) -> list[str]:
        """Return the addresses of a service's container."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"].values()
        return [each["IPAddress"] for each in networks]


@contextmanager
def running_stack(directory: Path, api: Any, say: Say) -> Iterator[Stack]:
    """Build the image and bring the stack up for the block; nothing of it stays."""
    require_command("docker-compose", "docker-compose", say)
    images = LocalImages.of_this_run()
    with ExitStack() as made:
        made.callback(remove_images, images.python, api)
        images.make(directory, say)
        stack = _checked_out(directory / "checkout", images, api, say)
        made.callback(_remove_containers, stack)
        stack.compose("build", "--force-rm")
        stack.compose("up", "-d")
        stack.wait_until_ready()
        yield stack


def _remove_containers(stack: Stack) -> None:
    """Remove the games, which hold their network, and then the stack."""
    for container in stack.api.containers(all=True, filters={"network": stack.network}):
        if container["Labels"].get("com.galaxy.game_id"):
            stack.api.remove_container(container["Id"], force=True, v=True)
    stack.compose("down", "--volumes", "--timeout", "20")


def remove_images(base: str, api: Any) -> None:
    """Remove an image and all that are made from it; no-op when it was not made."""
    with suppress(ImageNotFound):
        for image in made_from(base, api):
            with suppress(ImageNotFound):  # it went with its last name or its child
                api.remove_image(image, force=True)


def made_from(base: str, api: Any) -> list[str]:
    """Return the image and all that are made from it, also by steps of builds; children first."""
    parents = {each["Id"]: each["ParentId"] for each in api.images(all=True)}
    found = [str(api.inspect_image(base)["Id"])]
    for image in found:
        found += [child for child, parent in parents.items() if parent == image]
    return found[::-1]


def _checked_out(checkout: Path, images: LocalImages, api: Any, say: Say) -> Stack:
    checkout.mkdir()
    for name in CHECKOUT:
        source = PROJECT / name
        ignored = shutil.ignore_patterns("__pycache__", "secrets")
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=ignored)
        else:
            shutil.copy(source, checkout)
    shutil.copytree(fetch_wheels(say), checkout / "wheelhouse")
    (checkout / "deploy/local.yaml").write_text(yaml.safe_dump(_local(images)))
    script = checkout / "deploy/make_secrets.sh"
    subprocess.run([str(script), str(checkout / "deploy/secrets")], check=True)
    games = checkout.parent / "games"
    games.mkdir(mode=0o700)
    os.chown(games, USER, USER)
    variables = {
        "DOCKER_GID": str(SOCKET.stat().st_gid),
        "GALAXY_PORT": str(free_port()),
        "GALAXY_STATE_ROOT": str(games),
    }
    return Stack(checkout, variables, api)


def _local(images: LocalImages) -> dict[str, Any]:
    """Return what differs here: images of our own, and names that no other stack has."""
    run = run_name()
    # Compose 1 replaces a network of an earlier file as a whole.
    networks = yaml.safe_load((PROJECT / "deploy/compose.yaml").read_text())["networks"]
    networks["galaxy-callers"]["name"] = f"{run}-callers"
    networks["galaxy-net"]["name"] = f"{run}-net"
    bridge = {"com.docker.network.bridge.name": f"br-{run[-8:]}"}
    networks["galaxy-net"]["driver_opts"] = bridge
    build = {"args": {"BASE": images.python, "PIP_NO_INDEX": "1"}, "network": "none"}
    return {
        "services": {
            "rtmanager": {
                "build": build,
                "image": f"{run}/rtmanager",
                "environment": {"RTMANAGER_DOCKER_NETWORK": f"{run}-net"},
            },
            "postgres": {"image": images.postgres},
            "redis": {"image": images.valkey},
        },
        "networks": networks,
    }
