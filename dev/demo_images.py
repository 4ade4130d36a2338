"""Small engine images for trying things out, built without a registry."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from dev import debian_packages
from dev.locks import machine_lock

REPOSITORY = "galaxy/game"
CONTENT_LABEL = "com.galaxy.demo.content"
SCRIPTS = Path(__file__).parent / "demo_engine"
# Names for the non-root image; numeric ids need no entry.
USERS = "root:x:0:0::/:/bin/sh\nengine:x:4243:4243::/:/bin/sh\n"
GROUPS = "root:x:0:\nengine:x:4243:\n"


@dataclass(frozen=True)
class Variant:
    """One image: a tag and the behaviour of its engine."""

    tag: str
    command: str = "serve"
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def instructions(self) -> list[str]:
        """Return the image's settings as Dockerfile instructions."""
        labels = [f"LABEL {name}={value}" for name, value in self.labels.items()]
        user = [f"USER {self.user}"] if self.user else []
        return [
            "ENV PATH=/bin",
            f"ENV ENGINE_VERSION={self.tag}",
            "EXPOSE 8080",
            f"CMD {json.dumps([f'/engine/{self.command}'])}",
            *user,
            *labels,
        ]


# Tags of the form 1.4.90-word are semver of the line 1.4, so patching to them is allowed.
VARIANTS = (
    Variant("1.4.7"),
    Variant("1.4.8"),
    Variant("1.4.9", "exit-before-ready"),
    Variant("1.5.0"),
    Variant("1.4.90-exits-at-once", "exit-at-once"),
    Variant("1.4.90-exits-before-ready", "exit-before-ready"),
    Variant("1.4.90-exits-when-asked", "exit-when-asked"),
    Variant("1.4.90-exits-after-a-second", "exit-after-a-second"),
    Variant("1.4.90-never-answers", "never-answer"),
    Variant("1.4.90-never-listens", "never-listen"),
    Variant("1.4.90-ignores-sigterm", "ignore-sigterm"),
    Variant("1.4.90-logs-endlessly", "log-endlessly"),
    Variant("1.4.90-bad-command", "no-such-command"),
    Variant("1.4.90-user-by-number", user="4242:4242"),
    Variant("1.4.90-user-by-name", user="engine"),
    Variant(
        "1.4.90-own-limits",
        labels={
            "com.galaxy.cpu_quota": "0.5",
            "com.galaxy.memory": "64m",
            "com.galaxy.pids_limit": "64",
        },
    ),
    Variant("1.4.90-bad-limits", labels={"com.galaxy.memory": "lots"}),
    Variant("1.4.90-eats-memory", "eat-memory", labels={"com.galaxy.memory": "32m"}),
)


def ensure_demo_images(docker_host: str, echo: Callable[[str], None]) -> list[str]:
    """Build missing or outdated demo images, and return the names of all."""
    with machine_lock("demo-images"), closing(docker.APIClient(base_url=docker_host)) as client:
        missing = list(_outdated(client))
        if missing:
            echo(f"Building {len(missing)} demo engine images ...")
            files = _file_system(busybox(echo))
            for variant in missing:
                _build(client, variant, files)
    return [f"{REPOSITORY}:{variant.tag}" for variant in VARIANTS]


def busybox(echo: Callable[[str], None]) -> Path:
    """Return a static busybox, from Debian's busybox-static."""
    found = shutil.which("busybox")
    if found is None or not _is_static(Path(found)):
        debian_packages.install(["busybox-static"], echo)
        found = shutil.which("busybox") or "/bin/busybox"
    return Path(found)


def _is_static(program: Path) -> bool:
    """Return whether a program needs no loader, so that it runs in an otherwise empty image."""
    return b"/ld-linux" not in program.read_bytes() and b"/ld-musl" not in program.read_bytes()


def _outdated(client: docker.APIClient) -> Iterator[Variant]:
    for variant in VARIANTS:
        try:
            image = client.inspect_image(  # type: ignore[no-untyped-call]
                f"{REPOSITORY}:{variant.tag}"
            )
        except ImageNotFound:
            yield variant
            continue
        if (image["Config"]["Labels"] or {}).get(CONTENT_LABEL) != _content(variant):
            yield variant


def _content(variant: Variant) -> str:
    digest = hashlib.sha256("\n".join(variant.instructions()).encode())
    for script in sorted(SCRIPTS.iterdir()):
        digest.update(script.name.encode() + script.read_bytes())
    return digest.hexdigest()


def _build(client: docker.APIClient, variant: Variant, files: bytes) -> None:
    # An import creates the image in one call; equal file systems share their layer.
    client.import_image_from_data(
        files,
        repository=REPOSITORY,
        tag=variant.tag,
        changes=[*variant.instructions(), f"LABEL {CONTENT_LABEL}={_content(variant)}"],
    )


def _file_system(busybox: Path) -> bytes:
    """Return a tar archive of everything in an image; equal content gives equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in _applets(busybox):
            _add_link(archive, f"bin/{applet}", "busybox")
        for script in sorted(SCRIPTS.iterdir()):
            _add(archive, f"engine/{script.name}", script.read_bytes(), 0o755)
        _add(archive, "etc/passwd", USERS.encode(), 0o644)
        _add(archive, "etc/group", GROUPS.encode(), 0o644)
    return buffer.getvalue()


def _applets(busybox: Path) -> list[str]:
    answer = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    return [applet for applet in answer.stdout.split() if applet != "busybox"]


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)
