"""Reading Docker's list of containers."""

import json
from typing import Any

import pytest
import requests

from rtmanager.adapters.docker.container_list import listed_containers

NETWORK = "galaxy-net"
ENTRY: dict[str, Any] = {
    "Id": "c1",
    "Names": ["/galaxy-game-1"],
    "ImageID": "sha256:1",
    "Created": 1_764_000_000,
    "State": "running",
    "Status": "Up 3 minutes (healthy)",
    "Labels": {"com.galaxy.game_id": "1"},
    "HostConfig": {"NetworkMode": NETWORK},
    "NetworkSettings": {"Networks": {NETWORK: {"IPAddress": "172.18.0.2", "DriverOpts": None}}},
    "Mounts": [{"Type": "bind", "Source": "/games/1"}],
}


class Api:
    """Docker with a list."""

    base_url, api_version, timeout = "http://docker", "1.41", 10

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.text = json.dumps(entries)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, *, params: dict[str, Any], timeout: float) -> requests.Response:
        """Answer with the list."""
        assert timeout == self.timeout
        self.asked.append((url, params))
        response = requests.Response()
        vars(response).update(status_code=200, _content=self.text.encode())
        return response

    def _raise_for_status(self, response: requests.Response) -> None:
        response.raise_for_status()


def test_all_containers_with_the_labels_are_asked_for() -> None:
    """In any state, by one call."""
    api = Api()

    assert listed_containers(api, NETWORK, {"label": ("a=b", "c=d")}) == []
    ((url, params),) = api.asked
    assert url == "http://docker/v1.41/containers/json"
    assert (params["all"], json.loads(params["filters"])) == (1, {"label": ["a=b", "c=d"]})


def test_a_container_is_read() -> None:
    """With what is used of it."""
    (found,) = listed_containers(Api(ENTRY), NETWORK, {})

    assert (found.id, found.name, found.address) == ("c1", "galaxy-game-1", "172.18.0.2")
    assert (found.game_id, found.network) == ("1", NETWORK)
    assert found.attached_to == {NETWORK}
    assert (found.health, found.up_for) == ("healthy", 180)


def test_labels_are_never_taken_for_a_container() -> None:
    """Whoever makes an image chooses its labels."""
    labels = {"Names": "['/x']", "Id": "c2", "State": "exited"}
    (found,) = listed_containers(Api(ENTRY | {"Labels": labels}), NETWORK, {})

    assert (found.id, found.labels) == ("c1", labels)


@pytest.mark.parametrize("name", ["Names", "Id"])
@pytest.mark.parametrize("network", [{"IPAddress": "172.18.0.2", "DriverOpts": None}, None])
def test_networks_are_never_taken_for_a_container(name: str, network: object) -> None:
    """Whoever makes a network chooses its name; it must not keep the list from being read."""
    networks = {name: network}
    entry = ENTRY | {"NetworkSettings": {"Networks": networks}}
    (found,) = listed_containers(Api(entry), NETWORK, {})

    assert found.id == "c1"
    assert found.attached_to == {name}


def test_labels_that_are_equal_are_kept_once() -> None:
    """A thousand containers have the same owner, kind and image."""
    first, second = listed_containers(Api(ENTRY, ENTRY), NETWORK, {})

    assert first.labels["com.galaxy.game_id"] is second.labels["com.galaxy.game_id"]
    assert first.image_id is second.image_id


def test_a_container_without_a_name_is_not_left_out() -> None:
    """Docker shows null for one that is being removed; a missing container would be recorded."""
    (found,) = listed_containers(Api(ENTRY | {"Names": None}), NETWORK, {})

    assert (found.id, found.name) == ("c1", "")


@pytest.mark.parametrize("missing", ["Names", "State", "Labels"])
def test_an_entry_that_lacks_something_is_an_error_of_the_whole_list(missing: str) -> None:
    """Rather no list than one that lacks a container."""
    entry = {name: value for name, value in ENTRY.items() if name != missing}

    with pytest.raises(KeyError):
        listed_containers(Api(ENTRY, entry), NETWORK, {})


def test_an_answer_that_is_no_json_is_an_error_of_the_connection() -> None:
    """The client translates errors of requests."""
    api = Api()
    api.text = "[{"

    with pytest.raises(requests.exceptions.JSONDecodeError):
        listed_containers(api, NETWORK, {})
