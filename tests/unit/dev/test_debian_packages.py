import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from dev import SetUpError, debian_packages


class Apt:
    """Stands for apt-get: remembers what was asked, and may refuse."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.calls: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(argv))
        self.environments.append(options.get("env", {}))
        code = 100 if self.refusal else 0
        return subprocess.CompletedProcess(argv, code, stdout="", stderr=self.refusal)


@pytest.fixture
def root_on_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let us be root on Debian."""
    monkeypatch.setattr(debian_packages, "can_install", lambda: True)


@pytest.mark.usefixtures("root_on_debian")
def test_packages_are_installed_after_the_lists_are_updated(told: list[str]) -> None:
    """A machine that never updated its lists knows no packages."""
    apt = Apt()

    debian_packages.install(["docker.io", "docker-cli"], told.append, run=apt)

    assert [call[-4:] for call in apt.calls] == [
        ["-qq", "-o", "DPkg::Lock::Timeout=120", "update"],
        ["--yes", "--no-install-recommends", "docker.io", "docker-cli"],
    ]
    assert told == ["Installing docker.io docker-cli (apt-get, a minute on a slow line) ..."]


@pytest.mark.usefixtures("root_on_debian")
def test_no_package_may_ask_questions(told: list[str]) -> None:
    """Nobody sits there to answer."""
    apt = Apt()

    debian_packages.install(["docker.io"], told.append, run=apt)

    assert {env["DEBIAN_FRONTEND"] for env in apt.environments} == {"noninteractive"}


@pytest.mark.usefixtures("root_on_debian")
def test_a_refusal_of_apt_is_passed_on(told: list[str]) -> None:
    """The last line that apt wrote says what is wrong."""
    apt = Apt(refusal="Reading ...\nE: Unable to locate package docker.io")

    with pytest.raises(SetUpError, match=r"apt-get update failed: E: Unable to locate"):
        debian_packages.install(["docker.io"], told.append, run=apt)


def test_without_root_the_missing_package_is_named(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot install is told what to install, and nothing is tried."""
    monkeypatch.setattr(debian_packages, "can_install", lambda: False)
    apt = Apt()

    with pytest.raises(SetUpError, match=r"apt-get install docker-registry"):
        debian_packages.require_command("no-such-command", "docker-registry", told.append, run=apt)
    assert apt.calls == []


def test_a_command_that_is_there_installs_nothing(told: list[str]) -> None:
    """A second run is quick."""
    apt = Apt()

    found = debian_packages.require_command("sh", "dash", told.append, run=apt)

    assert found.endswith("/sh")
    assert (apt.calls, told) == ([], [])


@pytest.mark.usefixtures("root_on_debian")
def test_a_package_without_its_command_is_an_error(told: list[str]) -> None:
    """An installation that did not help is not taken for one that did."""
    with pytest.raises(SetUpError, match="not on the PATH"):
        debian_packages.require_command("no-such-command", "dash", told.append, run=Apt())


def test_a_package_that_the_distribution_lacks_is_unknown() -> None:
    """Package names differ between releases: ask before installing."""
    assert not debian_packages.is_known("docker-cli", run=Apt(refusal="E: No packages found"))
    assert debian_packages.is_known("docker-cli", run=Apt())
