"""What is built on and what is run comes from where we say, byte by byte."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dev.embedded_redis import SERVICE_RIGHTS
from dev.pin_images import FILES, pinned

PROJECT = Path(__file__).parents[3]
DIGEST = "sha256:" + "0" * 64
_PINNED = re.compile(r"[a-z0-9./_-]+:[a-z0-9._-]+@sha256:[0-9a-f]{64}")
COMPOSE = yaml.safe_load((PROJECT / "deploy/compose.yaml").read_text())
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def test_every_base_image_has_a_digest() -> None:
    """A tag can be moved to other bytes; a digest cannot. Every build step uses the same."""
    (base,) = re.findall(r"^ARG BASE=(\S+)", DOCKERFILE, flags=re.MULTILINE)
    steps = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)

    assert _PINNED.fullmatch(base)
    assert steps == ["$BASE", "$BASE"]


@pytest.mark.parametrize(
    "name", [name for name, of in COMPOSE["services"].items() if "build" not in of]
)
def test_every_image_of_the_compose_file_has_a_digest(name: str) -> None:
    """The servers beside the service are pinned too."""
    assert _PINNED.fullmatch(COMPOSE["services"][name]["image"])


def test_dependencies_are_installed_by_hash_only() -> None:
    """A package archive cannot hand over another file for a locked version."""
    installs = re.findall(r"pip .*install (.*)", DOCKERFILE)

    assert len(installs) == 3
    assert [
        one for one in installs if "--require-hashes" not in one and "--no-deps" not in one
    ] == []


@pytest.mark.parametrize("lock", ["runtime.txt", "build.txt", "dev.txt"])
def test_every_locked_package_has_a_hash(lock: str) -> None:
    """Without one pip would take any file of that name."""
    text = (PROJECT / "requirements" / lock).read_text().replace("\\\n", "")
    packages = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert [line for line in packages if "--hash=sha256:" not in line] == []


def test_no_secret_is_in_the_compose_file_or_the_image() -> None:
    """Passwords are files, which neither `docker inspect` nor a child process shows."""
    environments = [of.get("environment", {}) for of in COMPOSE["services"].values()]
    names = [name for each in environments for name in each if "PASSWORD" in name]

    assert names
    assert [name for name in names if not name.endswith("_FILE")] == []
    assert "rtmanager:rtmanager@" not in (PROJECT / "deploy/compose.yaml").read_text()
    assert not re.search(r"(?i)^(ENV|ARG) .*(password|secret|token)", DOCKERFILE, re.MULTILINE)


def test_renewing_a_digest_keeps_everything_else() -> None:
    """Only pinned images change, each to what its tag is now."""
    text = f"# a:1\nFROM python:3.13-slim@{DIGEST} AS build\nimage: valkey/valkey:8@{DIGEST}\n"
    asked: list[str] = []

    def resolve(image: str) -> str:
        asked.append(image)
        return "sha256:" + "1" * 64

    renewed = pinned(text, resolve)

    assert asked == ["python:3.13-slim", "valkey/valkey:8"]
    assert renewed == text.replace("0" * 64, "1" * 64)


def test_every_file_with_images_is_renewed() -> None:
    """The renewal knows the files that these tests check."""
    assert [str(file) for file in FILES] == ["Dockerfile", "deploy/compose.yaml"]


def test_the_list_of_contents_names_every_locked_package(tmp_path: Path) -> None:
    """The bill of materials of the image has each dependency with its version and hashes."""
    recipe = (PROJECT / "Makefile").read_text()
    arguments = re.search(r"cyclonedx-py (requirements .*) --output-file", recipe)
    assert arguments is not None

    # Not validated here, which takes several seconds.
    output = ["--no-validate", "--output-file", str(tmp_path / "sbom.json")]
    command = [*arguments[1].split(), *output]
    subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", *command],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )

    document = json.loads((tmp_path / "sbom.json").read_text())
    listed = {each["name"]: each["version"] for each in document["components"]}
    lock = (PROJECT / "requirements/runtime.txt").read_text()
    assert listed == dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, flags=re.MULTILINE))
    assert document["metadata"]["component"]["name"] == "rtmanager"
    assert all(each["externalReferences"][0]["hashes"] for each in document["components"])


@pytest.mark.parametrize("status", [0, 1])
def test_the_list_of_contents_is_of_an_image_that_was_built(tmp_path: Path, status: int) -> None:
    """A build that fails leaves none, not even that of an earlier image."""
    listing = tmp_path / "build/rtmanager.cdx.json"
    listing.parent.mkdir()
    listing.write_text("of an earlier image")
    for program, does in (
        ("docker", f"test ! -e build/rtmanager.cdx.json && exit {status}"),
        ("cyclonedx-py", "echo new >build/rtmanager.cdx.json"),
    ):
        (tmp_path / program).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / program).chmod(0o755)
    made = subprocess.run(
        ["make", "--file", str(PROJECT / "Makefile"), "image", "READY=", f"BIN={tmp_path}"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )

    assert (made.returncode == 0) == (status == 0)
    assert [each.read_text() for each in listing.parent.iterdir()] == ["new\n"][status:]


def test_secrets_without_a_directory_are_not_made() -> None:
    """The script says how it is called, not that its variable is unset."""
    script = str(PROJECT / "deploy/make_secrets.sh")

    called = subprocess.run([script], capture_output=True, text=True, check=False)

    assert called.returncode == 2
    assert called.stdout == ""
    assert called.stderr.startswith(f"usage: {script} DIRECTORY")


def test_the_secrets_of_the_compose_file_are_made_once(tmp_path: Path) -> None:
    """Each has its own value, which stays; only hashes are readable for the server's user."""
    target = tmp_path / "secrets"
    script = [str(PROJECT / "deploy/make_secrets.sh"), str(target)]
    subprocess.run(script, check=True)
    made = {file.name: file.read_text() for file in target.iterdir()}
    subprocess.run(script, check=True)

    assert {file.name: file.read_text() for file in target.iterdir()} == made
    assert made["postgres_password"] != made["redis_password"]
    assert len(made["redis_password"]) == 32
    assert made["redis_password"] not in made["valkey_users"]
    assert made["valkey_users"].strip().endswith(SERVICE_RIGHTS)
    assert {file.name for file in target.iterdir()} == set(COMPOSE["secrets"])
    modes = {file.name: file.stat().st_mode & 0o777 for file in target.iterdir()}
    assert set(modes.values()) == {0o644}  # for the users in the containers
    assert target.stat().st_mode & 0o777 == 0o700
