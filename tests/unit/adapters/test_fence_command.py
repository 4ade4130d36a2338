import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rtmanager.adapters.fence_command import MAX_OUTPUT, FenceCommand
from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.cluster_nodes import InMemoryClusterNodes

NODE = InMemoryClusterNodes(ManualClock()).add("rack-1")


def script(text: str, *arguments: str) -> list[str]:
    """Return a command that runs this script of a shell, which gets the node as $1 and $2."""
    return ["/bin/sh", "-c", text, "fence", *arguments]


def fence(command: list[str], *, timeout: float = 10.0) -> FenceCommand:
    """Return the adapter with this command."""
    return FenceCommand(command, timeout)


def runs(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def open_descriptors() -> int:
    """Return how many files this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


async def test_without_a_command_no_node_is_off() -> None:
    """Without a setting nobody vouches for a node but an operator."""
    fencing = FenceCommand(None, 10.0)

    assert not fencing.is_available
    assert await fencing.confirms_off(NODE) is False


@pytest.mark.parametrize("code", [0, 1, 3])
async def test_only_exit_code_0_says_that_a_node_is_off(code: int) -> None:
    """Any other exit code says nothing."""
    fencing = fence(script(f"exit {code}"))

    assert fencing.is_available
    assert await fencing.confirms_off(NODE) is (code == 0)


async def test_command_gets_name_and_id_as_its_last_arguments(tmp_path: Path) -> None:
    """The words of the setting come first, then the node's; no shell sees any of them."""
    seen = tmp_path / "seen"
    command = [sys.executable, "-c", f"import sys; open({str(seen)!r}, 'w').write(repr(sys.argv))"]

    assert await fence([*command, "a b", "$HOME"]).confirms_off(NODE)

    assert seen.read_text() == repr(["-c", "a b", "$HOME", "rack-1", "id-of-rack-1"])


@pytest.mark.parametrize("name", ["--off=rack-2", "rack 1", "rack-1\0"])
async def test_name_that_no_host_may_have_is_replaced_by_the_id(tmp_path: Path, name: str) -> None:
    """Whoever has named the machine writes no options of the command."""
    seen, node = tmp_path / "seen", replace(NODE, name=name)

    assert await fence(script(f'echo "$1 $2" > {seen}')).confirms_off(node)
    assert seen.read_text() == f"{NODE.id} {NODE.id}\n"


async def test_command_that_cannot_be_run_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong path is logged and is no answer."""
    assert await fence(["/nowhere/fence"]).confirms_off(NODE) is False

    assert [each.message for each in caplog.records] == ["fence_command_failed"]


async def test_command_that_hangs_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    """Its answer does not count any more, and nothing of it goes on."""
    started = tmp_path / "started"
    hanging = script(f"sleep 600 & echo $! > {started}; wait; exit 0")

    assert await fence(hanging, timeout=0.3).confirms_off(NODE) is False

    assert not runs(int(started.read_text()))


async def test_answer_does_not_wait_for_what_the_command_leaves_behind() -> None:
    """A child that holds the output open is killed when the command has ended."""
    fencing = fence(script("sleep 600 & exit 0"), timeout=5.0)

    assert await fencing.confirms_off(NODE) is True


async def test_end_of_the_output_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """However much a command prints, the last of it is kept."""
    caplog.set_level(logging.INFO)
    fencing = fence(script(f"head -c {40 * MAX_OUTPUT} /dev/zero | tr '\\0' x; echo; echo off >&2"))

    assert await fencing.confirms_off(NODE)

    (line,) = caplog.records
    output = vars(line)["output"]
    assert line.message == "fence_command_confirmed"
    assert output.endswith("off")
    assert len(output) <= 2 * MAX_OUTPUT


async def test_command_gets_none_of_our_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They may be secret; the rest of the environment is passed on."""
    monkeypatch.setenv("RTMANAGER_REDIS_PASSWORD", "for-redis")
    monkeypatch.setenv("FENCE_USER", "operator")
    seen = tmp_path / "seen"

    assert await fence(script(f"env > {seen}")).confirms_off(NODE)

    assert "for-redis" not in seen.read_text()
    assert "FENCE_USER=operator" in seen.read_text()


async def test_no_descriptor_is_left_open() -> None:
    """A command that is asked again and again leaves nothing behind."""
    await fence(script("exit 0")).confirms_off(NODE)
    before = open_descriptors()

    await fence(script("exit 1")).confirms_off(NODE)
    await fence(["/nowhere/fence"]).confirms_off(NODE)

    assert open_descriptors() == before
