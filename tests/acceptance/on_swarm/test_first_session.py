"""The first session of a newcomer on a Swarm: the same, apart from what a Swarm cannot do."""

# ruff: noqa: F403 - the tests of the session are run here on the Swarm

from tests.acceptance.first_session import Session
from tests.acceptance.test_first_session import *
from tests.support.calls import ok


def test_start_makes_the_container_of_the_contract(  # type: ignore[no-redef] # in its place
    session: Session,
) -> None:
    """The service runs one hardened container; no-new-privileges is more than a Swarm can."""
    record, seen = ok(session["start"].answer), session["start"].container
    name = f"galaxy-game-{session.game}"
    assert seen is not None
    host, labels = seen["HostConfig"], seen["Config"]["Labels"]

    assert record["current_container_id"] == seen["Id"]
    assert record["engine_endpoint"] == f"http://{name}:8080"
    assert (seen["Name"], seen["Config"]["Hostname"]) == (f"/{name}", name)
    assert list(seen["NetworkSettings"]["Networks"]) == [session.environment.network]
    assert (host["PortBindings"] or {}, host["PublishAllPorts"]) == ({}, False)
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (10**9, 512 << 20, 512)
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
    assert (host["Init"], host["Privileged"], host["ReadonlyRootfs"]) == (True, False, False)
    assert host["RestartPolicy"]["Name"] in {"", "no"}
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert labels["com.galaxy.owner"] == "rtmanager"
    assert labels["com.galaxy.game_id"] == session.game
    assert labels["com.galaxy.op_id"] == str(session.operation("start")["id"])


def test_start_gives_the_engine_its_state_directory(  # type: ignore[no-redef] # in its place
    session: Session,
) -> None:
    """Beside the game's directory there is a file that shows that the storage is shared."""
    seen = session["start"].container
    assert seen is not None
    directory = session.environment.state(session.game)
    mounts = {each["Source"]: each for each in seen["Mounts"]}
    state, (marker,) = mounts.pop(str(directory)), mounts.values()

    assert (state["Type"], state["RW"]) == ("bind", True)
    assert state["Destination"] == "/var/lib/galaxy-game"
    assert marker["RW"] is False
    for name in ("GAME_STATE_PATH", "STORAGE_PATH"):
        assert f"{name}=/var/lib/galaxy-game" in seen["Config"]["Env"]
    assert ok(session["start"].answer)["state_path"] == str(directory)
    assert directory.stat().st_mode & 0o7777 == 0o750
