from typing import Any

import pytest

from rtmanager.adapters.docker.pull_progress import PullProgress


def downloading(layer: str, current: object, total: object) -> dict[str, Any]:
    """Return the message of a layer that is being downloaded."""
    detail = {"current": current, "total": total}
    return {"id": layer, "status": "Downloading", "progressDetail": detail}


def layer(name: str, status: str) -> dict[str, Any]:
    """Return the message of a layer without sizes."""
    return {"id": name, "status": status, "progressDetail": {}}


def noted(*messages: dict[str, Any]) -> PullProgress:
    """Return the progress after these messages."""
    progress = PullProgress("a:1")
    for each in messages:
        progress.note(each)
    return progress


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ([], "pulling a:1: 0 of 0 layers"),
        ([{"status": "Pulling from a", "id": "1"}], "pulling a:1: 0 of 0 layers"),
        ([{"status": "Digest: sha256:1"}], "pulling a:1: 0 of 0 layers"),
        ([layer("x", "Pulling fs layer"), layer("y", "Already exists")], "1 of 2 layers"),
        ([downloading("x", 500_000, 2_000_000)], "0 of 1 layers, 0.5 of 2.0 MB"),
        ([downloading("x", 1, 2_000_000), layer("x", "Verifying Checksum")], "2.0 of 2.0 MB"),
        (
            [
                downloading("x", 1_000_000, 1_000_000),
                layer("x", "Pull complete"),
                downloading("y", 11_300_000, 39_100_000),
                layer("z", "Waiting"),
            ],
            "pulling a:1: 1 of 3 layers, 12.3 of 40.1 MB",
        ),
        ([downloading("x", "many", None)], "pulling a:1: 0 of 1 layers"),
        ([{"id": "x", "status": "Downloading", "progressDetail": [1]}], "0 of 1 layers"),
        ([downloading("x", 9_000_000, 1_000_000)], "1.0 of 1.0 MB"),
    ],
)
def test_line_says_how_far_the_pull_is(messages: list[dict[str, Any]], line: str) -> None:
    """Layers that are complete, and megabytes where Docker names sizes."""
    assert noted(*messages).line.endswith(line)


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ([], "pulled a:1"),
        ([layer("x", "Already exists")], "pulled a:1: 1 layer"),
        (
            [layer("x", "Already exists"), downloading("y", 1, 40_100_000)],
            "pulled a:1: 2 layers, 40.1 MB",
        ),
    ],
)
def test_last_line_says_what_was_pulled(messages: list[dict[str, Any]], line: str) -> None:
    """An image that was up to date has nothing to count."""
    assert noted(*messages).last_line == line
