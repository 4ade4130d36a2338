import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from dev import SetUpError, debian_packages


class Apt:
    """A stand-in for apt-get that records its calls and may fail."""

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
    """Pretend to be root on Debian."""
    monkeypatch.setattr(debian_packages, "can_install", lambda: True)


@pytest.mark.usefixtures("root_on_debian")
def test_packages_are_installed_after_the_lists_are_updated(printed: list[str]) -> None:
    """A machine that never updated its lists knows no packages."""
    apt = Apt()

    debian_packages.install(["docker.io", "docker-cli"], printed.append, run=apt)

    assert [call[-4:] for call in apt.calls] == [
        ["-qq", "-o", "DPkg::Lock::Timeout=120", "update"],
        ["--yes", "--no-install-recommends", "docker.io", "docker-cli"],
    ]
    assert printed == ["Installing docker.io docker-cli (apt-get, a minute on a slow line) ..."]


@pytest.mark.usefixtures("root_on_debian")
def test_no_package_may_ask_questions(printed: list[str]) -> None:
    """Nobody is there to answer a package's questions."""
    apt = Apt()

    debian_packages.install(["docker.io"], printed.append, run=apt)

    assert {env["DEBIAN_FRONTEND"] for env in apt.environments} == {"noninteractive"}


@pytest.mark.usefixtures("root_on_debian")
def test_a_refusal_of_apt_is_passed_on(printed: list[str]) -> None:
    """The error quotes apt's last line."""
    apt = Apt(refusal="Reading ...\nE: Unable to locate package docker.io")

    with pytest.raises(SetUpError, match=r"apt-get update failed: E: Unable to locate"):
        debian_packages.install(["docker.io"], printed.append, run=apt)


def test_without_root_the_missing_package_is_named(
    printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without root the error names the package to install, and nothing is attempted."""
    monkeypatch.setattr(debian_packages, "can_install", lambda: False)
    apt = Apt()

    with pytest.raises(SetUpError, match=r"apt-get install docker-registry"):
        debian_packages.require_command(
            "no-such-command", "docker-registry", printed.append, run=apt
        )
    assert apt.calls == []


def test_a_command_that_is_there_installs_nothing(printed: list[str]) -> None:
    """A second run installs nothing."""
    apt = Apt()

    found = debian_packages.require_command("sh", "dash", printed.append, run=apt)

    assert found.endswith("/sh")
    assert (apt.calls, printed) == ([], [])


@pytest.mark.usefixtures("root_on_debian")
def test_a_package_without_its_command_is_an_error(printed: list[str]) -> None:
    """An installation that does not provide the command is an error."""
    with pytest.raises(SetUpError, match="not on the PATH"):
        debian_packages.require_command("no-such-command", "dash", printed.append, run=Apt())


def test_a_package_that_the_distribution_lacks_is_unknown() -> None:
    """Package names differ between releases, so they are checked before installing."""
    assert not debian_packages.is_known("docker-cli", run=Apt(refusal="E: No packages found"))
    assert debian_packages.is_known("docker-cli", run=Apt())
